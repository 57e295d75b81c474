"""The models: which are served, and what each of them takes.

As of November 2026. A retired model is answered as the real API answers it, with two exceptions: dall-e-2, which
lives on in compatible servers, and `emulated-<name>`, which behaves as `<name>` did (or as the newest model, if
there never was such a name).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

PREFIX = 'emulated-'

_RATIOS = ('1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '21:9')
_LONG_RATIOS = ('1:4', '4:1', '1:8', '8:1')


@dataclass(frozen=True, slots=True)
class GeminiModel:
    """What a Gemini image model takes and gives.

    Attributes:
        ratios: the aspect ratios it knows.
        sizes: image size → tokens of one image; `''` is the size where none may be asked for.
        thinking_levels: in lower case; empty: it can't think.
        shows_thoughts: whether thoughts come without being asked for.
        input_image_tokens: tokens of one image sent.
        max_input_tokens: the length of its context.
        output_format: Pillow's name of what it gives.
        max_images: how many images may be sent.
        is_retired: whether the real API no longer serves it.
    """

    ratios: tuple[str, ...] = _RATIOS
    sizes: Mapping[str, int] | None = None
    thinking_levels: tuple[str, ...] = ('minimal', 'high')
    shows_thoughts: bool = False
    input_image_tokens: int = 1_100
    max_input_tokens: int = 65_536
    output_format: str = 'JPEG'
    max_images: int = 14
    is_retired: bool = False

    def image_tokens(self, size: str) -> int:
        """Tokens of one image made at a size such as `2K`."""
        return (self.sizes or {}).get(size or '1K', 1_290)


_FLASH_SIZES = {'1K': 1_120, '2K': 1_680, '4K': 2_520}
_NANO_BANANA = GeminiModel(
    ratios=_RATIOS + _LONG_RATIOS,
    sizes=_FLASH_SIZES,
    thinking_levels=('minimal', 'medium', 'high'),
    max_input_tokens=131_072,
)
_PRO = GeminiModel(
    sizes={'1K': 1_120, '2K': 1_120, '4K': 2_000}, thinking_levels=('low', 'medium', 'high'), shows_thoughts=True
)
_FLASH = replace(_NANO_BANANA, sizes={'512': 747, **_FLASH_SIZES}, thinking_levels=('minimal', 'high'), is_retired=True)
_FLASH_2_5 = GeminiModel(
    thinking_levels=(),
    input_image_tokens=258,
    max_input_tokens=32_768,
    output_format='PNG',
    is_retired=True,
)

GEMINI_MODELS = {
    'gemini-nano-banana-2.1': _NANO_BANANA,
    'gemini-3-pro-image': _PRO,
    'gemini-3.1-flash-lite-image': GeminiModel(sizes={'1K': 1_120}),
    'gemini-3.1-flash-image': _FLASH,
    'gemini-3.1-flash-image-preview': _FLASH,
    'gemini-3-pro-image-preview': replace(_PRO, is_retired=True),
    'gemini-2.5-flash-image': _FLASH_2_5,
    'gemini-2.5-flash-image-preview': _FLASH_2_5,
}


@dataclass(frozen=True, slots=True)
class OpenAiModel:
    """What an OpenAI image model takes.

    Attributes:
        qualities: values of `quality`.
        sizes: values of `size`.
        has_any_size: whether `size` may be any WxH within the limits.
        fidelities: values of `input_fidelity`; empty: the field is refused.
        has_complexity: whether it takes `complexity`.
        max_images: how many images may be sent.
        max_prompt: characters of the prompt.
        is_legacy: whether it is of the dall-e-2 family: square PNG images, URLs, variations.
        is_retired: whether the real API no longer serves it.
    """

    qualities: tuple[str, ...] = ('low', 'medium', 'high', 'auto')
    sizes: tuple[str, ...] = ('1024x1024', '1024x1536', '1536x1024', 'auto')
    has_any_size: bool = True
    fidelities: tuple[str, ...] = ()
    has_complexity: bool = False
    max_images: int = 16
    max_prompt: int = 32_000
    is_legacy: bool = False
    is_retired: bool = False


_GPT_1_5 = OpenAiModel(has_any_size=False, fidelities=('high', 'low'))
_GPT_2 = OpenAiModel()
_GPT_2_5 = OpenAiModel(qualities=('low', 'medium', 'high', 'xhigh', 'max', 'auto'))
_GPT_2_6 = replace(_GPT_2_5, has_complexity=True)
_DALL_E_2 = OpenAiModel(
    qualities=('standard',),
    sizes=('256x256', '512x512', '1024x1024'),
    has_any_size=False,
    max_images=1,
    max_prompt=1_000,
    is_legacy=True,
)

OPENAI_MODELS = {
    'gpt-image-2.6-sunburst': _GPT_2_6,
    'gpt-image-2.6-flare': _GPT_2_6,
    'gpt-image-2.5-sunburst': _GPT_2_5,
    'gpt-image-2.5-sunburst-2026-09-08': _GPT_2_5,
    'gpt-image-2.5-flare': _GPT_2_5,
    'gpt-image-2.5-flare-2026-09-08': _GPT_2_5,
    'gpt-image-2': _GPT_2,
    'gpt-image-2-2026-04-21': _GPT_2,
    'gpt-image-1.5': _GPT_1_5,
    'gpt-image-1.5-2025-12-16': _GPT_1_5,
    'chatgpt-image-latest': _GPT_1_5,
    'gpt-image-1-mini': replace(_GPT_1_5, fidelities=('low',)),
    'gpt-image-1': replace(_GPT_1_5, is_retired=True),
    'dall-e-2': _DALL_E_2,
    'dall-e-3': replace(_DALL_E_2, is_retired=True),
}


def find_gemini_model(name: str) -> GeminiModel | None:
    """The Gemini model of a name, None where the real API would answer 404.

    >>> find_gemini_model('gemini-2.5-flash-image') is None
    True
    >>> find_gemini_model('emulated-gemini-2.5-flash-image').output_format
    'PNG'
    """
    if name.startswith(PREFIX):
        return GEMINI_MODELS.get(name[len(PREFIX) :], _NANO_BANANA)
    model = GEMINI_MODELS.get(name)
    return model if model and not model.is_retired else None


def find_openai_model(name: str) -> OpenAiModel | None:
    """The OpenAI model of a name, None where the real API would answer 404."""
    if name.startswith(PREFIX):
        return OPENAI_MODELS.get(name[len(PREFIX) :], _GPT_2_6)
    model = OPENAI_MODELS.get(name)
    return model if model and not model.is_retired else None
