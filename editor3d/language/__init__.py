"""How the words of an instruction are read: tokens, nouns and the vocabulary. Plain data; imports no torch."""
