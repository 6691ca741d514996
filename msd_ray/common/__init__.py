"""Small modules that every package uses: errors, files, text."""
