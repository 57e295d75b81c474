"""The emulator: both image-edit APIs on loopback, so that the job can be tried, tested and measured without a key.

It speaks the wire formats of Gemini `generateContent` and of OpenAI `/images/edits`, refuses what they refuse, makes
edits that a person can see, and shows on demand every fault that the real ones have.
"""

from beam_image_edit.pipeline.emulator.server import Emulator

__all__ = ['Emulator']
