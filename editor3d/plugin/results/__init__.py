"""What a run leaves behind, how it is judged, and how its scene is exported."""
