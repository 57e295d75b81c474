"""Beam's own RequestResponseIO, around the bare client's call."""

from typing import Any

from apache_beam.io.requestresponse import Caller, RequestResponseIO

from benchmarks.clients.bare import BareClient
from benchmarks.clients.beam_rows import do_rows_with_beam
from benchmarks.clients.work import read_arguments


class EditCaller(Caller[Any, Any]):
    """Edits a row."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> 'EditCaller':
        """Opens a session; Beam does this on the worker."""
        self._client = BareClient(self._url, 1)
        return self

    def __call__(self, request: Any, *_: Any, **__: Any) -> Any:
        """Sends a row."""
        number, prompt, path = request
        return number, self._client.edit_with_gemini(prompt, path)

    def __exit__(self, *_: Any) -> None:
        pass


def main() -> None:
    """Edits the rows."""
    arguments = read_arguments()
    caller = EditCaller(arguments.url)
    do_rows_with_beam(
        arguments, lambda rows: rows | RequestResponseIO(caller, timeout=300).with_output_types(tuple[int, bytes])
    )


if __name__ == '__main__':
    main()
