"""Settings: how the emulator is to behave, under the names of its flags."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """How the emulator is to behave.

    Attributes:
        host: the address to listen at.
        port: 0: any free one.
        latency_s: how long every edit takes, in seconds.
        latency_tail: `0.1:5`: a share of the edits takes that many seconds instead; '': none does.
        faults: rules as in `faults.py`: a list, JSON text, or the path of a file.
        api_key: the only key that is taken; None: any is.
        requests_per_minute: a quota; None: there is none.
        max_concurrent: a quota of calls in progress; None: there is none.
        pixels: `1024x768`: the size of all pictures, whatever is asked for; '': as asked for.
        image_bytes: pad pictures to at least this length, in bytes.
        fast: ready-made pictures of the size given above, and images that come in are not looked into: for
            measuring a client, not for testing it.
    """

    host: str = '127.0.0.1'
    port: int = 0
    latency_s: float = 0.0
    latency_tail: str = ''
    faults: str | Iterable[Mapping[str, Any]] = ()
    api_key: str | None = None
    requests_per_minute: int | None = None
    max_concurrent: int | None = None
    pixels: str = ''
    image_bytes: int = 0
    fast: bool = False

    def __post_init__(self) -> None:
        _ = self.size, self.tail  # raise now, not in the middle of the first call

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of all pictures, None: as asked for."""
        if not self.pixels:
            return None
        width, separator, height = self.pixels.partition('x')
        if not (separator and width.isdigit() and height.isdigit() and int(width) and int(height)):
            raise ValueError(f'pixels must look like 1024x768, got {self.pixels!r}')
        return int(width), int(height)

    @property
    def tail(self) -> tuple[float, float]:
        """The share of slow edits and the seconds that they take.

        >>> Settings(latency_tail='0.1:5').tail
        (0.1, 5.0)
        """
        share, separator, seconds = (self.latency_tail or '0:0').partition(':')
        try:
            tail = float(share), float(seconds)
        except ValueError:
            separator = ''
        if not separator:
            raise ValueError(f'latency_tail must look like 0.1:5 (share:seconds), got {self.latency_tail!r}')
        return tail
