"""The studio: where pictures are made and kept, apart from all questions of HTTP.

Everything here takes time on a processor, and runs on a few threads beside the event loop.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from beam_image_edit.pipeline.emulator.alterations import Alteration, Arguments, leave
from beam_image_edit.pipeline.emulator.api import Api
from beam_image_edit.pipeline.emulator.edits import Edit
from beam_image_edit.pipeline.emulator.pictures import draw, pad
from beam_image_edit.pipeline.emulator.settings import Settings
from beam_image_edit.pipeline.emulator.tokens import Tokens

_MAX_KEPT = 1_000
_READY_SIZE = (64, 64)  # of a ready-made picture, unless a size is set


@dataclass(frozen=True, slots=True)
class Product:
    """What was made for a call: the body of its answer, the sha256 of its images, and what they cost."""

    body: bytes
    images: tuple[str, ...]
    tokens: Tokens


class Gallery:
    """The pictures that are to be fetched from a URL; the oldest go when there are too many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pictures: OrderedDict[str, bytes] = OrderedDict()

    def put(self, picture: bytes) -> str:
        """Keeps a picture, and gives the name under which it can be got."""
        name = hashlib.sha256(picture).hexdigest()[:32]
        with self._lock:
            self._pictures[name] = picture
            if len(self._pictures) > _MAX_KEPT:
                self._pictures.popitem(last=False)
        return name

    def get(self, name: str) -> bytes | None:
        """A picture, None if there is none of that name."""
        return self._pictures.get(name)


class Studio:
    """Makes the answers of calls, as the settings want them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ready: dict[tuple[str, str, int, str], Product] = {}
        self.gallery = Gallery()

    def make(self, api: Api, edit: Edit, host: str, alteration: Alteration, arguments: Arguments) -> Product:
        """Makes the pictures of an edit and the answer that holds them.

        Args:
            api: whose answer it is.
            edit: what is asked for.
            host: where the client finds this server, for pictures that are to be fetched.
            alteration: what a fault does to the answer.
            arguments: the fault's.
        """
        edit = alteration.adjust(edit, arguments)
        if not self._settings.fast:
            return self._make_new(api, edit, host, alteration, arguments)
        # Equal answers are made once, from what does not differ between one call and the next.
        size = self._settings.size or _READY_SIZE
        plain = replace(edit, prompt='', turns=(), images=(), sent_images=(), answered_images=(), mask=None, size=size)
        if alteration.change is not leave:
            return self._make_new(api, plain, host, alteration, arguments)
        key = api.name, edit.model, edit.count, json.dumps(dict(edit.parameters), sort_keys=True)
        if key not in self._ready:
            self._ready[key] = self._make_new(api, plain, host, alteration, arguments)
        return self._ready[key]

    def _make_new(self, api: Api, edit: Edit, host: str, alteration: Alteration, arguments: Arguments) -> Product:
        edit = replace(edit, size=self._settings.size or edit.size)
        pictures = [pad(draw(edit, number), self._settings.image_bytes) for number in range(edit.count)]
        tokens = api.count_tokens(edit)
        publish = self._publisher(host)
        payload = api.write_answer(edit, pictures, tokens, publish)
        alteration.change(payload, arguments, publish)
        images = tuple(hashlib.sha256(picture).hexdigest() for picture in pictures)
        return Product(json.dumps(payload, separators=(',', ':')).encode(), images, tokens)

    def _publisher(self, host: str) -> Callable[[bytes], str]:
        return lambda picture: f'http://{host}/files/{self.gallery.put(picture)}'
