"""Benchmarks: the job beside other ways of doing the same work; `python -m benchmarks` runs them all."""
