"""Fill unknown parts of pictures from their known parts. Imports no torch."""
