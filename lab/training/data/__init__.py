"""What the small models are trained on: pictures, instructions, captions and pairs of pictures."""
