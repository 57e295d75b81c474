"""Limits that a service keeps: for workers on many machines, whose calls nobody else could count together.

The service speaks Envoy's rate limit protocol; Beam's `EnvoyRateLimiter` asks it. What it allows is the service's own
configuration: domain `beam-image-edit`, one descriptor `model` with the model's name, and a hit for each image.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait

from apache_beam.io.components.rate_limiter import EnvoyRateLimiter
from grpc import RpcError

from beam_image_edit.transforms.errors import Stopped

DOMAIN = 'beam-image-edit'
_CHECK_EVERY_S = 0.5


class RateLimitService:
    """Asks a service for leave to send; safe to share between threads.

    Args:
        address: of the service, `host:port`.
        model: the model's name.
        check: raises Stopped if nothing may be sent any more.
        on_lost: told why, when the service can't be asked.
    """

    def __init__(self, address: str, model: str, check: Callable[[], None], on_lost: Callable[[str], None]) -> None:
        self._address = address
        # It sleeps until the limit is reset.
        self._limiter = EnvoyRateLimiter(
            address, DOMAIN, [{'model': model}], block_until_allowed=False, retries=0, namespace='beam-image-edit'
        )
        self._check = check
        self._on_lost = on_lost

    def wait(self, images: int) -> None:
        """Returns when a call for so many images may be sent; holds the thread until then.

        Raises:
            Stopped: nothing may be sent any more, or the service is lost, so that nobody can know.
        """
        try:
            while not self._ask(images):
                self._check()
        except RpcError as error:
            reason = f'the rate limit service {self._address} does not answer: {error}'
            self._on_lost(reason)
            raise Stopped(reason) from error

    def _ask(self, images: int) -> bool:
        """Whether the service allows it; asked on another thread, since it may take a minute until it says so."""
        answer: Future[bool] = Future()

        def ask() -> None:
            try:
                answer.set_result(self._limiter.allow(hits_added=images))
            except BaseException as error:
                answer.set_exception(error)

        threading.Thread(target=ask, name='edit-limits', daemon=True).start()
        while not wait([answer], _CHECK_EVERY_S).done:
            self._check()
        return answer.result()
