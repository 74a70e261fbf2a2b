"""What holds weights in memory: loading, chat templates, sampling, strength, steering, the diagnosis."""
