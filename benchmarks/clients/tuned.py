"""The tuned client: the bare one with every copy taken out by hand, for what there is to gain; Gemini only.

The body is joined from bytes, the answer read in one piece and decoded into a type that names only what is needed.
"""

from pathlib import Path

import msgspec
import pybase64
import requests

from benchmarks.clients.work import KEY, MODELS, do_rows, read_arguments


class _Inline(msgspec.Struct):
    data: str


class _Part(msgspec.Struct):
    inlineData: _Inline  # noqa: N815 - the API's name


class _Content(msgspec.Struct):
    parts: list[_Part]


class _Candidate(msgspec.Struct):
    content: _Content


class _Answer(msgspec.Struct):
    candidates: list[_Candidate]


_HEAD = b'{"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"'
_TAIL = b'}]}],"generationConfig":{"responseModalities":["IMAGE"]}}'
_decoder = msgspec.json.Decoder(_Answer)


class TunedClient:
    """Calls Gemini through one session."""

    def __init__(self, url: str, in_flight: int) -> None:
        self._url = f'{url}/v1beta/models/{MODELS["gemini"]}:generateContent'
        self._session = requests.Session()
        self._session.mount('http://', requests.adapters.HTTPAdapter(pool_maxsize=in_flight))

    def edit(self, prompt: str, path: str) -> bytes:
        """Sends the picture as base64 in JSON."""
        picture = pybase64.b64encode(Path(path).read_bytes())
        body = b''.join((_HEAD, picture, b'"}},{"text":', msgspec.json.encode(prompt), _TAIL))
        headers = {'x-goog-api-key': KEY, 'Content-Type': 'application/json'}
        with self._session.post(self._url, data=body, headers=headers, stream=True, timeout=300) as answer:
            answer.raise_for_status()
            content = answer.raw.read()
        return pybase64.b64decode(_decoder.decode(content).candidates[0].content.parts[0].inlineData.data)


def main() -> None:
    """Edits the rows."""
    arguments = read_arguments()
    do_rows(arguments, TunedClient(arguments.url, arguments.in_flight).edit)


if __name__ == '__main__':
    main()
