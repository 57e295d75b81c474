"""Cards: what the page shows of a row, made from its line of the manifest.

A card is plain JSON with short names, since there is one for each row; `static/cards.js` is its reader. An entry is the
little of it that all rows are filtered and sorted by.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beam_image_edit.pipeline.report.geometry import NOTICEABLE_DRIFT, name_ratio
from beam_image_edit.pipeline.report.places import Place
from beam_image_edit.transforms.aspects import drift

MAX_TEXT = 4_000
"""Characters of an instruction or an error that a card shows."""
MAX_SEARCHED = 400
"""Characters of a row's id and instructions that can be searched for."""

_SHA256 = re.compile(r'[0-9a-f]{64}')
_SPACES = re.compile(r'\s+')

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture of a row.

    Attributes:
        place: where it is.
        sha256: of its bytes.
        size: width and height in pixels.
        bytes: how many.
        mime: its MIME type.
        label: what it is in its row: `image 0`, `mask`, `turn 0`.
        turn: of a result: which instruction made it.
        drift: of a result: see `aspects.drift`.
    """

    place: Place
    sha256: str
    size: tuple[int, int]
    bytes: int
    mime: str
    label: str
    turn: int | None = None
    drift: float = 0.0

    def to_json(self, why_missing: str | None) -> dict[str, Any]:
        """The picture on its card; without a thumbnail it says why."""
        card: dict[str, Any] = {
            'label': self.label,
            'name': self.place.name,
            'link': self.place.link,
            'sha': self.sha256,
            'width': self.size[0],
            'height': self.size[1],
            'ratio': name_ratio(self.size),
            'bytes': self.bytes,
            'mime': self.mime,
        }
        if self.turn is not None:
            card |= {'turn': self.turn, 'drift': self.drift if is_noticeable(self.drift) else 0}
        return card if why_missing is None else {**card, 'missing': shorten(why_missing, 300)}


def list_sources(row: Row, find: Callable[[str], Place]) -> list[ShownPicture]:
    """The images that were read for a row, and its mask.

    Args:
        row: of the manifest.
        find: the place of an image, as its row names it.
    """
    pictures = []
    for source in row['edit']['sources'] or ():
        location = _location_of(row, str(source['place']))
        if location is not None:
            pictures.append(_show(source, find(location), str(source['place'])))
    return [picture for picture in pictures if _SHA256.fullmatch(picture.sha256)]


def list_results(row: Row, sources: Sequence[ShownPicture], find: Callable[[str], Place]) -> list[ShownPicture]:
    """The images that were made for a row, in order."""
    original = sources[0].size if sources else (0, 0)
    pictures = []
    for location, image in zip(row['output_image'] or (), row['edit']['images'] or (), strict=False):
        turn = image['turn'] or 0
        size = (image['width'] or 0, image['height'] or 0)
        pictures.append(_show(image, find(location), f'turn {turn}', turn, drift(original, size) or 0.0))
    return [picture for picture in pictures if _SHA256.fullmatch(picture.sha256)]


def make_card(
    row: Row, sources: Sequence[ShownPicture], results: Sequence[ShownPicture], missing: Mapping[str, str | None]
) -> dict[str, Any]:
    """A row's card.

    Args:
        row: of the manifest.
        sources: as `list_sources`.
        results: as `list_results`.
        missing: by sha256: why a picture has no thumbnail; None if it has one.
    """
    edit = row['edit']
    system, instructions = read_turns(row)
    tokens = edit['tokens'] or {}
    card = {
        'index': row['index'],
        'id': row['id'] and shorten(row['id'], 200),
        'status': edit['status'],
        'error': edit['error'] and shorten(edit['error'], MAX_TEXT),
        'model': edit['model_version'] or edit['model'],
        'cost': edit['cost_usd'],
        'latency': edit['latency_s'],
        'attempts': edit['attempts'],
        'twice': edit['possibly_double_billed'],
        'tokens': tokens.get('total'),
        'finish': edit['finish_reason'],
        'changes': edit['conversions'],
        'system': system and shorten(system, MAX_TEXT),
        'turns': [shorten(text, MAX_TEXT) for text in instructions],
        'sources': [picture.to_json(missing[picture.sha256]) for picture in sources],
        'results': [picture.to_json(missing[picture.sha256]) for picture in results],
    }
    return {name: value for name, value in card.items() if value not in (None, '', [], 0) or name == 'index'}


def searched_text(row: Row) -> str:
    """What a row is found by: its id and its instructions, in lower case.

    >>> searched_text({'id': 'Mug-7', 'conversations': [{'role': 'user', 'content': 'Make  it RED'}]})
    'mug-7 make it red'
    """
    text = ' '.join([row['id'] or '', *read_turns(row)[1]])
    return _SPACES.sub(' ', text[: 4 * MAX_SEARCHED]).strip().lower()[:MAX_SEARCHED]


def read_turns(row: Row) -> tuple[str, list[str]]:
    """The system instruction, and the instructions in order."""
    texts: dict[str, list[str]] = {'user': [], 'system': []}
    for turn in row['conversations'] or ():
        text = (turn['content'] or '').replace('<image>', '').strip()
        if text and turn['role'] in texts:
            texts[turn['role']].append(text)
    return '\n'.join(texts['system']), texts['user']


def is_noticeable(drift: float) -> bool:
    """Whether a result's shape differs from its source's so much that it is flagged."""
    return abs(drift) > NOTICEABLE_DRIFT


def shorten(text: str, most: int) -> str:
    """A text of so many characters at the most."""
    return text if len(text) <= most else f'{text[: most - 1]}…'


def _location_of(row: Row, place: str) -> str | None:
    """Where the row says that its `image 0` or `mask` is."""
    kind, _, number = place.partition(' ')
    if kind == 'image':
        return row['images'][int(number)] if int(number) < len(row['images']) else None
    others = json.loads(row['extra'])
    return others.get('mask') or others.get('mask_path')


def _show(
    facts: Mapping[str, Any], place: Place, label: str, turn: int | None = None, drift: float = 0.0
) -> ShownPicture:
    return ShownPicture(
        place=place,
        sha256=facts['sha256'] or '',
        size=(facts['width'] or 0, facts['height'] or 0),
        bytes=facts['bytes'] or 0,
        mime=facts['mime'] or '',
        label=label,
        turn=turn,
        drift=drift,
    )
