"""The model provider `pentimento/<organism>`."""
