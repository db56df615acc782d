"""What makes, measures and tries the project from outside; not part of what is installed, and never imported by it."""
