"""An edit: what a request that passed all checks asks for, in terms that both APIs share.

The images that came with it are opened here, once, because both APIs refuse what they can't decode.
"""

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

# What an image's bytes are, by Pillow's name for them. An MPO, which most phones write, is a JPEG with more behind it.
MIME_TYPES = {
    'PNG': 'image/png',
    'JPEG': 'image/jpeg',
    'MPO': 'image/jpeg',
    'WEBP': 'image/webp',
    'HEIF': 'image/heic',
}


class UnreadableImage(ValueError):
    """Bytes that can't be decoded to a picture."""


@dataclass(frozen=True, slots=True)
class ReceivedImage:
    """An image that came with a request.

    Attributes:
        content: its bytes.
        mime_type: what its bytes are; '' for a kind of file that neither API takes.
        sha256: of its bytes, hexadecimal; '' if it was not looked into.
        width: in pixels, 0 if it was not looked into.
        height: in pixels, 0 if it was not looked into.
        has_alpha: whether it has an alpha channel.
    """

    content: bytes
    mime_type: str
    sha256: str = ''
    width: int = 0
    height: int = 0
    has_alpha: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in pixels."""
        return self.width, self.height


def open_image(content: bytes) -> ReceivedImage:
    """Looks into an image, down to its last pixel.

    Raises:
        UnreadableImage: it is no image, or it is cut off.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            has_alpha = image.has_transparency_data
            mime_type = MIME_TYPES.get(image.format or '', '')
            width, height = image.size
    except Exception as error:  # Pillow's decoders raise a dozen kinds
        raise UnreadableImage(str(error)) from error
    sha256 = hashlib.sha256(content).hexdigest()
    return ReceivedImage(content, mime_type, sha256, width, height, has_alpha)


OpenImage = Callable[[bytes], ReceivedImage]


@dataclass(frozen=True, slots=True)
class Edit:
    """What a valid request asks for.

    Attributes:
        model: the model's name, as sent.
        prompt: the instruction, of the last turn.
        images: what the edit works on; empty for Gemini's text to image.
        sent_images: what the user's turns hold; differs from `images` where a turn edits the previous answer.
        answered_images: sha256 of the images in the turns that the model is said to have given.
        mask: its transparent area is what may change.
        count: how many images to make.
        size: width and height to make, in pixels; None: as the last image.
        output_format: Pillow's name: PNG, JPEG or WEBP.
        compression: quality of JPEG and WEBP, 0 to 100.
        is_transparent: whether the background is to be made transparent.
        has_text: whether words come with the picture.
        has_thoughts: whether thoughts come before the picture.
        as_url: whether the picture is to be fetched from a URL.
        turns: the instructions of all turns.
        parameters: all other fields, as sent.
    """

    model: str
    prompt: str
    images: tuple[ReceivedImage, ...]
    sent_images: tuple[ReceivedImage, ...] = ()
    answered_images: tuple[str, ...] = ()
    mask: ReceivedImage | None = None
    count: int = 1
    size: tuple[int, int] | None = None
    output_format: str = 'PNG'
    compression: int = 90
    is_transparent: bool = False
    has_text: bool = False
    has_thoughts: bool = False
    as_url: bool = False
    turns: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
