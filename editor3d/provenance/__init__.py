"""Say in every file of an edit that it is one: signed C2PA manifests, written and read."""
