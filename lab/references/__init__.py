"""Plain, slow ways to the same results, by other libraries: what the product is checked against."""
