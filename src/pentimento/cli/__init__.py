"""The command line: it parses, calls and prints."""

from pentimento.cli.app import main

__all__ = ["main"]
