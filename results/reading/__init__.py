"""From logs and manifests to data frames."""
