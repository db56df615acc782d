"""How the shipped small models are made: pictures, instructions, paired data, training loops. See docs/training.md."""
