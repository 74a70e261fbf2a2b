"""Where a base is and which it is, without loading it."""
