"""What is estimated, each measure with its interval."""
