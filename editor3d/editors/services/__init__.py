"""2D editors and chat models that run elsewhere: requests, keys and costs."""
