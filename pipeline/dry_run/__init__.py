"""The dry run: what a job would do and cost, found out by its own checks before the first call."""
