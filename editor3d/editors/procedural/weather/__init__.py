"""Weather, seasons and times of day on the surface that a view shows: snow lies on it, rain wets it."""
