"""How a search of numbers opens: guesses, a look at every number, and the solved light."""
