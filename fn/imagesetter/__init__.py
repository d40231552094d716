"""Flux's image automation without a controller: a KRM function, a pre-commit hook and a command."""

__version__ = "0.1.0"
