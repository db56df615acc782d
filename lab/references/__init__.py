"""Plain, slow reference implementations by other libraries, for tests of the product."""
