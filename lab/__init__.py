"""What measures and tries the project from outside; not part of what is installed."""
