"""Limits that a service keeps: whoever waits for it hears that the job is stopped."""

import socket

import pytest

from beam_image_edit.transforms.errors import Stopped
from beam_image_edit.transforms.limits.service import RateLimitService


def test_service_that_does_not_answer_keeps_nobody_from_stopping():
    def check():
        raise Stopped('interrupted')

    with socket.create_server(('127.0.0.1', 0)) as silent:
        service = RateLimitService(f'127.0.0.1:{silent.getsockname()[1]}', 'a-model', check, pytest.fail)
        with pytest.raises(Stopped, match='interrupted'):
            service.wait(1)
