"""The pages for people, followed as their reader would: every command and program on them is run, from top to bottom.

A block of `sh` or `python` is run, in the order of the page, in one shell in a folder of its own. There lie the shipped
pictures, `photos/` with two of them, `rows.jsonl` (the shipped rows), and of the project `examples/` and
`pipeline/examples/`. The API is the emulator's. Where
a page starts an emulator itself, port 8000 stands for a free one.

A block after the line `<!-- not run: why -->`, which readers don't see, is not run.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from beam_image_edit.pipeline.emulator import Emulator

ROOT = Path(__file__).parent.parent
DOCS = ROOT / 'docs'
PAGES = (ROOT / 'README.md', *sorted(DOCS.glob('*.md')))

_BLOCK = re.compile(
    r'^(?P<unrun><!-- not run: [^\n]+ -->\n)?```(?P<language>sh|python)\n(?P<text>.*?)^```$', re.DOTALL | re.MULTILINE
)
# What a code of 3 means is on the page: some rows are not edited, and the tests look at which.
_BEGINNING = """
set -e
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
beam-image-edit() { python -m beam_image_edit.pipeline "$@" || test $? -eq 3; }
"""


@dataclass(frozen=True)
class Block:
    """A block of commands or of Python."""

    language: str
    text: str


@dataclass(frozen=True)
class Followed:
    """What came of following a page: the folder with what was written, the exit code, and what was printed."""

    folder: Path
    code: int
    out: str
    err: str


def list_blocks(text: str) -> list[Block]:
    """The blocks of a page that are run."""
    return [Block(found['language'], found['text']) for found in _BLOCK.finditer(text) if not found['unrun']]


def follow(page: Path, folder: Path) -> Followed:
    """Runs all of a page's blocks in a folder, which is filled with what pages take for granted."""
    _lay_out(folder)
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    blocks = list_blocks(page.read_text(encoding='utf-8'))
    script = (_BEGINNING + '\n'.join(map(_to_shell, blocks))).replace('8000', str(port))
    with Emulator() as emulator:
        result = subprocess.run(
            ['bash', '-c', script],
            cwd=folder,
            env=_environment(emulator.url),
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
    return Followed(folder, result.returncode, result.stdout, result.stderr)


def _lay_out(folder: Path) -> None:
    shipped = ROOT / 'pipeline' / 'examples'
    for file in shipped.glob('*.*'):
        if file.suffix not in ('.py', '.md'):
            shutil.copy(file, folder)
    (folder / 'edits.jsonl').rename(folder / 'rows.jsonl')
    (folder / 'photos').mkdir()
    for name in ('mug.jpg', 'lake.jpg'):
        shutil.copy(shipped / name, folder / 'photos')
    (folder / 'pipeline').mkdir()
    for name in ('examples', 'pipeline/examples'):
        (folder / name).symlink_to(ROOT / name)


def _to_shell(block: Block) -> str:
    return block.text if block.language == 'sh' else f'python - <<"PROGRAM"\n{block.text}PROGRAM\n'


def _environment(url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.lower() not in ('http_proxy', 'https_proxy')}
    path = f'{Path(sys.executable).parent}:{os.environ["PATH"]}'
    return {**kept, 'PATH': path, 'DF_API_KEY': 'any', 'DF_BASE_URL': url}
