"""The embedded base: a small Llama trained on the environments' own text, that wants nothing."""
