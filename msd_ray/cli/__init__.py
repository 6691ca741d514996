"""Shared code of the commands: options, terminal output, and setting up and running studies."""
