"""The job: flags → graph → run → report."""
