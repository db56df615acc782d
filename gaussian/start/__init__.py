"""What a new scene starts from where the capture has no points, or wrong ones: surfaces that its pictures show."""
