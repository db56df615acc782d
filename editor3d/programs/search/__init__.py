"""The search over programs, and the knock-out that ends each round."""
