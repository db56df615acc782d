"""Train the small models of the package: pictures, instructions, paired data, loops. See docs/training.md."""
