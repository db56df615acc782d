"""Free words turned into ordered edits by a chat model, for a user to approve."""
