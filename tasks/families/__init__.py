"""One file a group of families; each differs from the others in structure, not only in words."""
