"""Servers of the tests' own, on threads."""

import threading
from contextlib import contextmanager


@contextmanager
def serving(server):
    """Lets a server answer as long as the block lasts, and closes it; its threads may have to be let go before."""
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
