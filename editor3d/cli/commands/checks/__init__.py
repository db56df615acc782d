"""Commands that check a machine or a file, and change nothing."""
