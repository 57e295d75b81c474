"""Example rows for a first run, and the code that drew their pictures."""
