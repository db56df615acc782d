"""What an edit is judged by: picture metrics, CLIP scores and the known-edit report."""
