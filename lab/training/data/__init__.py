"""The training data of the small models: pictures, instructions, captions and pairs of pictures."""
