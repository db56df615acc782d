"""The editor without weights: a documented vocabulary, and a deterministic local picture map for each word."""
