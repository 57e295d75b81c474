"""The job: flags → graph → run → report."""

import logging

# Beam says at every import that a package for Google's BigQuery is not there; nothing here uses it.
logging.getLogger().addFilter(lambda record: not str(record.msg).startswith('apitools not found'))
