"""Subcommands that judge many edits at once."""
