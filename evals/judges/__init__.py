"""Judges: what they are asked, how they vote, and how often they are right."""
