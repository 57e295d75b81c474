"""The server that everything is measured against: both APIs, with one answer that is ready before the first call.

    python -m benchmarks.server '{"latency_s": 0.5}'

It must cost next to nothing, or it would be what is measured. So a request's body is counted and thrown away, and the
answer is always the same bytes. What it knows is when each call came and when its answer left: `GET /calls` tells, in
seconds of the machine's monotonic clock.
"""

import argparse
import asyncio
import base64
import json
import random
import time
from collections import deque
from dataclasses import astuple, dataclass, field

from benchmarks.pictures import make_png

_GEMINI, _OPENAI = b'generateContent', b'/images/'
_USAGE = {
    'promptTokenCount': 1110,
    'candidatesTokenCount': 1120,
    'totalTokenCount': 2230,
    'candidatesTokensDetails': [{'modality': 'IMAGE', 'tokenCount': 1120}],
}


@dataclass(slots=True)
class Call:
    """A call as the server saw it.

    Attributes:
        start_s: when its headers had come.
        end_s: when its answer began to leave.
        status: of HTTP.
        latency_s: how long it was to take.
    """

    start_s: float
    end_s: float
    status: int
    latency_s: float


@dataclass
class Behaviour:
    """How the server answers.

    Attributes:
        latency_s: how long a call takes.
        slow: the share of calls that take longer, and how long those take; which ones is the same in every run.
        image_bytes: the length of the picture in the answer.
        quota: calls that may begin, and in how many seconds; (0, …): no limit.
        at_a_time: calls that may be in progress; 0: no limit.
        says_wait: whether a 429 says how long to wait.
    """

    latency_s: float = 0.0
    slow: tuple[float, float] = (0.0, 0.0)
    image_bytes: int = 65_536
    quota: tuple[int, float] = (0, 1.0)
    at_a_time: int = 0
    says_wait: bool = False


@dataclass
class Service:
    """Lets calls in, and remembers them."""

    behaviour: Behaviour
    calls: list[Call] = field(default_factory=list)
    in_progress: int = 0

    def __post_init__(self) -> None:
        picture = base64.b64encode(make_png(self.behaviour.image_bytes)).decode()
        part = {'inlineData': {'mimeType': 'image/png', 'data': picture}}
        candidate = {'content': {'role': 'model', 'parts': [part]}, 'finishReason': 'STOP', 'index': 0}
        gemini = {
            'candidates': [candidate],
            'usageMetadata': _USAGE,
            'modelVersion': 'gemini-3-pro-image',
            'responseId': 'benchmark',
        }
        openai = {'created': 1, 'data': [{'b64_json': picture}], 'output_format': 'png'}
        self.answers = {_GEMINI: respond('200 OK', gemini), _OPENAI: respond('200 OK', openai)}
        self._chance = random.Random(4)
        self._begun: deque[float] = deque()

    def admit(self, now_s: float) -> float | None:
        """Lets a call in; gives how long it takes, None: it is turned away."""
        calls, seconds = self.behaviour.quota
        while self._begun and self._begun[0] <= now_s - seconds:
            self._begun.popleft()
        is_full = bool(self.behaviour.at_a_time) and self.in_progress >= self.behaviour.at_a_time
        if is_full or (calls and len(self._begun) >= calls):
            return None
        if calls:
            self._begun.append(now_s)
        self.in_progress += 1
        share, slow_s = self.behaviour.slow
        return slow_s if self._chance.random() < share else self.behaviour.latency_s

    def refuse(self, now_s: float) -> bytes:
        """The answer to a call that is turned away."""
        error = {'code': 429, 'message': 'Resource has been exhausted.', 'status': 'RESOURCE_EXHAUSTED'}
        if not self.behaviour.says_wait:
            return respond('429 Too Many Requests', {'error': error})
        wait_s = max(0.05, self._begun[0] + self.behaviour.quota[1] - now_s) if self._begun else 1.0
        hint = {'@type': 'type.googleapis.com/google.rpc.RetryInfo', 'retryDelay': f'{wait_s:.3f}s'}
        return respond('429 Too Many Requests', {'error': {**error, 'details': [hint]}})


def respond(status: str, body: object) -> bytes:
    """A whole HTTP answer."""
    content = json.dumps(body, separators=(',', ':')).encode()
    head = f'HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n'
    return head.encode() + content


class Connection(asyncio.Protocol):
    """A connection: one request at a time, as HTTP/1.1 clients send them."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._head = b''
        self._missing = 0  # bytes of the body that have not come yet
        self._start_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remembers where answers go."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Takes what has come: the head of a request, or some of its body."""
        if self._missing:
            self._missing -= len(data)
        else:
            self._head += data
            head, end, body = self._head.partition(b'\r\n\r\n')
            if not end:
                return
            self._head, self._start_s = head, time.monotonic()
            self._missing = _read_length(head) - len(body)
        if not self._missing:
            head, self._head = self._head, b''
            self._take(head.partition(b'\r\n')[0])

    def _take(self, request: bytes) -> None:
        """Answers a request that has come whole."""
        service = self._service
        answer = next((answer for path, answer in service.answers.items() if path in request), None)
        if answer is None:
            self._transport.write(respond('200 OK', [astuple(call) for call in service.calls]))
            return
        latency_s = service.admit(self._start_s)
        if latency_s is None:
            now_s = time.monotonic()
            service.calls.append(Call(self._start_s, now_s, 429, 0.0))
            self._transport.write(service.refuse(now_s))
            return
        asyncio.get_running_loop().call_later(latency_s, self._answer, self._start_s, latency_s, answer)

    def _answer(self, start_s: float, latency_s: float, answer: bytes) -> None:
        self._service.in_progress -= 1
        self._service.calls.append(Call(start_s, time.monotonic(), 200, latency_s))
        self._transport.write(answer)


def _read_length(head: bytes) -> int:
    """The length of a request's body."""
    _, _, rest = head.lower().partition(b'content-length:')
    return int(rest.partition(b'\r\n')[0] or 0)


async def serve(behaviour: Behaviour) -> None:
    """Serves until the process ends; says where as soon as it can."""
    service = Service(behaviour)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(service), '127.0.0.1', 0, backlog=2048)
    print(f'http://127.0.0.1:{server.sockets[0].getsockname()[1]}', flush=True)
    await server.serve_forever()


def main() -> None:
    """Reads the behaviour, as JSON with the names of its attributes, from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('behaviour', type=json.loads, nargs='?', default={}, help='JSON, such as {"latency_s": 0.5}')
    asyncio.run(serve(Behaviour(**parser.parse_args().behaviour)))


if __name__ == '__main__':
    main()
