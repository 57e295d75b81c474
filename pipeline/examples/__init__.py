"""Example rows for a first run, and their pictures."""
