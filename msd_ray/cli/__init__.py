"""What commands share: options, the terminal, and the way from options to a running search."""
