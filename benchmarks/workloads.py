"""Workloads: so many rows with pictures of such a size, and how the server is to behave meanwhile."""

import json
import random
import string
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.pictures import make_png
from benchmarks.server import Behaviour

ROW_BYTES = 1024
_WORDS = [''.join(random.Random(number).choices(string.ascii_lowercase, k=2 + number % 9)) for number in range(5000)]


@dataclass(frozen=True, slots=True)
class Workload:
    """What is to be done.

    Attributes:
        rows: how many, each of 1 KB with one instruction and one picture.
        in_flight: calls at a time.
        image_bytes: the length of each picture that is sent.
        workers: processes that the job uses; they share the calls in flight.
        pictures: how many different pictures there are at the most; the rows take turns with them.
        behaviour: of the server.
        api_format: `gemini` or `openai`.
        job_flags: further flags, for the job only.
    """

    rows: int
    in_flight: int
    image_bytes: int = 65_536
    workers: int = 1
    pictures: int = 4000
    behaviour: Behaviour = field(default_factory=Behaviour)
    api_format: str = 'gemini'
    job_flags: tuple[str, ...] = ()

    @property
    def flags(self) -> tuple[str, ...]:
        """The job's flags for calls in flight and processes, and the further ones."""
        own: tuple[str, ...] = (f'--max_in_flight={self.in_flight // self.workers}',)
        if self.workers > 1:
            own += ('--direct_running_mode=multi_processing', f'--direct_num_workers={self.workers}')
        return own + self.job_flags

    @property
    def server_settings(self) -> Mapping[str, Any]:
        """The behaviour as JSON values."""
        return asdict(self.behaviour)

    def write_rows(self, folder: Path) -> Path:
        """Writes the rows and those pictures that are not there yet; gives the rows' path."""
        pictures = folder / f'{self.image_bytes}'
        pictures.mkdir(exist_ok=True)
        names = [pictures / f'{number:06}.png' for number in range(min(self.rows, self.pictures))]
        for number, name in enumerate(names):
            if not name.exists():
                name.write_bytes(make_png(self.image_bytes, number))
        path = folder / f'{self.rows}-{self.image_bytes}.jsonl'
        with path.open('w') as file:
            file.writelines(_write_row(number, names[number % len(names)]) for number in range(self.rows))
        return path


def _write_row(number: int, picture: Path) -> str:
    """A row of ROW_BYTES, of words, so that it compresses about as real ones do."""
    words = ' '.join(random.Random(number).choices(_WORDS, k=ROW_BYTES // 5))
    row = {'images': str(picture), 'conversations': [f'Edit {number}: {words[:100]}'], 'note': ''}
    row['note'] = words[100 : 100 + ROW_BYTES - 1 - len(json.dumps(row))]
    return json.dumps(row) + '\n'
