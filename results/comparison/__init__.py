"""Runs and recipes beside each other."""
