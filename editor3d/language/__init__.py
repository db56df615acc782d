"""Parse the words of an instruction: tokens, nouns and the vocabulary. Plain data; imports no torch."""
