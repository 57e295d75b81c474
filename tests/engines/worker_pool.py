"""A pool of SDK workers for all of a cluster's workers on one host; run as a program with the port to listen at.

Beam's own pool is meant for one TaskManager or executor. Each of these numbers its SDK workers for itself, so that two
which share a pool have workers of the same name, and the first to stop its own stops the other's. Here none is stopped:
a worker ends by itself when the stream to the one that wanted it ends.
"""

import sys

from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer


class SharedWorkerPool(BeamFnExternalWorkerPoolServicer):
    def StopWorker(self, stop_worker_request, unused_context):  # noqa: N802 - the name of the call
        return beam_fn_api_pb2.StopWorkerResponse()


if __name__ == '__main__':
    _, server = SharedWorkerPool.start(use_process=True, port=int(sys.argv[1]))
    server.wait_for_termination()
