"""What an edit is judged by: picture metrics, agreement of views, CLIP scores and the known-edit test."""
