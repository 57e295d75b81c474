"""Delivery: how an answer leaves, or fails to."""

import asyncio
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from beam_image_edit.pipeline.emulator.faults import Fault

_PIECES = 20  # of an answer that drips
_RESET_ON_CLOSE = struct.pack('ii', 1, 0)  # SO_LINGER with no time to linger


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is ready to be sent."""

    status: int
    body: bytes
    content_type: str = 'application/json'
    headers: Mapping[str, str] = field(default_factory=dict)


class ConnectionLost(Exception):
    """There is nobody left to send an answer to."""


async def deliver(request: web.Request, reply: Reply, fault: Fault | None) -> web.StreamResponse:
    """Sends an answer, in the way that a fault wants it.

    Raises:
        ConnectionLost: the fault has cut the connection.
    """
    name = fault.name if fault else ''
    if fault and name == 'slow':
        return await _drip(request, reply, float(fault.arguments.get('seconds', 5)))
    if name == 'truncated':
        return await _truncate(request, reply)
    if name == 'malformed':
        reply = Reply(200, reply.body[: len(reply.body) // 2] + b'<<<', headers=reply.headers)
    return web.Response(
        status=reply.status, body=reply.body, content_type=reply.content_type, headers=dict(reply.headers)
    )


async def interrupt(request: web.Request, fault: Fault) -> None:
    """Does what a `reset` or a `hang` does; a hang ends with the server.

    Raises:
        ConnectionLost: always, as far as it returns.
    """
    if fault.name == 'hang':
        await asyncio.Event().wait()
    reset(request)


def reset(request: web.Request) -> None:
    """Cuts the connection in the hard way: the client sees a reset, not an end.

    Raises:
        ConnectionLost: always.
    """
    if request.transport is not None:
        connection = request.transport.get_extra_info('socket')
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        request.transport.abort()
    raise ConnectionLost


async def _begin(request: web.Request, reply: Reply) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=dict(reply.headers))
    response.content_type = reply.content_type
    response.content_length = len(reply.body)
    await response.prepare(request)
    return response


async def _drip(request: web.Request, reply: Reply, seconds: float) -> web.StreamResponse:
    response = await _begin(request, reply)
    step = len(reply.body) // _PIECES + 1
    for start in range(0, len(reply.body), step):
        await response.write(reply.body[start : start + step])
        await asyncio.sleep(seconds / _PIECES)
    await response.write_eof()
    return response


async def _truncate(request: web.Request, reply: Reply) -> web.StreamResponse:
    response = await _begin(request, reply)
    await response.write(reply.body[: len(reply.body) // 2])
    if request.transport is not None:
        request.transport.close()  # sends what is buffered, then ends: a length that was promised and not kept
    raise ConnectionLost
