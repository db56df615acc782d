"""The scores of an edit: picture metrics, agreement of views, CLIP scores and the known-edit test."""
