"""Which evaluations a run asks, what they may ask, and the jobs that ask it."""
