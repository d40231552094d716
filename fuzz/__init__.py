"""Fuzzing: hostile bytes for everything that reads what a stranger may have written. See docs/fuzzing.md."""
