"""What was made: manifests, and the organisms that are shipped."""
