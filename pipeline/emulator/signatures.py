"""Thought signatures: how the emulator knows the parts that it gave.

A signature is a function of the model and the part's content, so that it needs no memory: a conversation goes on
after the emulator was restarted.
"""

import base64
import hashlib

_SECRET = b'beam-image-edit emulator'
_ROUNDS = 4  # a real one is long; 4 × 64 bytes are long enough to be noticed where one is cut


def sign(model: str, content: bytes) -> bytes:
    """The signature of a text or an image that a model gave."""
    digest = hashlib.sha256(content).digest()
    return b''.join(
        hashlib.blake2b(model.encode() + digest + bytes([number]), key=_SECRET).digest() for number in range(_ROUNDS)
    )


def sign_text(model: str, content: bytes) -> str:
    """The signature as it stands in an answer: base64."""
    return base64.b64encode(sign(model, content)).decode()
