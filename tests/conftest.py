"""What the tests share: the emulator on loopback, pictures, and the job run as its command runs it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from PIL import Image, ImageDraw

from beam_image_edit.pipeline.__main__ import main
from beam_image_edit.pipeline.emulator import Emulator

KEY = 'key-for-tests-4711'

# A busy machine is no fault.
settings.register_profile('patient', deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('patient')


@dataclass(frozen=True)
class Run:
    """A run of the job: its exit code and the folder with what it wrote."""

    code: int
    folder: Path

    @property
    def lines(self) -> list[str]:
        return (self.folder / 'manifest.jsonl').read_text(encoding='utf-8').split('\n')[:-1]

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @property
    def statuses(self) -> list[str]:
        return [row['edit']['status'] for row in self.rows]

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads((self.folder / 'summary.json').read_bytes())

    @property
    def images(self) -> list[list[str]]:
        """Each row's images, relative to the output folder."""
        return [[str(Path(path).relative_to(self.folder)) for path in row['output_image']] for row in self.rows]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints the figures that tests have measured. Here, because of several processes only the first one prints."""
    for report in terminalreporter.getreports('passed'):
        for name, value in report.user_properties:
            terminalreporter.write_line(f'{report.nodeid.rpartition("::")[2]}: {name}: {value}')


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with `a.png`, `b.jpg`, `square.png` (RGBA) and `mask.png`, which fits `a.png`."""
    folder = tmp_path / 'photos'
    folder.mkdir()
    image = Image.new('RGB', (320, 240), 'orange')
    ImageDraw.Draw(image).ellipse((20, 40, 180, 200), fill='navy')
    image.save(folder / 'a.png')
    image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((240, 180)).save(folder / 'b.jpg')
    image.convert('RGBA').resize((256, 256)).save(folder / 'square.png')
    mask = Image.new('RGBA', (320, 240), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 160, 240))
    mask.save(folder / 'mask.png')
    return folder


@pytest.fixture
def edit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photos: Path, emulator: Emulator) -> Callable[..., Run]:
    """Runs the job on rows (dicts, or the file's own text) beside the photos, against the emulator."""

    def run(
        rows: Sequence[Mapping[str, Any]] | str | bytes, *flags: str, folder: str = 'out', base_url: str | None = None
    ) -> Run:
        text = rows if isinstance(rows, (str, bytes)) else ''.join(json.dumps(row) + '\n' for row in rows)
        source = photos / 'rows.jsonl'
        source.write_bytes(text if isinstance(text, bytes) else text.encode())
        monkeypatch.setenv('DF_API_KEY', KEY)
        monkeypatch.setenv('DF_BASE_URL', base_url or emulator.url)
        out = tmp_path / folder
        # The tests of the contact sheet ask for it; for all others it would be time spent on thumbnails.
        code = main([f'--input={source}', f'--cache_path={out}', '--report=off', *flags])
        return Run(code, out)

    return run
