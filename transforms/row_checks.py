"""What can be known to be wrong with a row before anything is read or sent."""

from dataclasses import replace

from beam_image_edit.transforms.clients.openai import full_prompt
from beam_image_edit.transforms.errors import InvalidInput
from beam_image_edit.transforms.models import ModelFacts
from beam_image_edit.transforms.rows import Parameters, Row

_USED = {
    'gemini': frozenset({'n', 'aspect_ratio', 'resolution', 'use_variations', 'extra_body'}),
    'openai': frozenset(
        {
            'n',
            'size',
            'quality',
            'background',
            'output_format',
            'output_compression',
            'input_fidelity',
            'moderation',
            'use_variations',
            'extra_body',
        }
    ),
}
_USED_BY_VARIATIONS = frozenset({'n', 'size', 'use_variations', 'extra_body'})
_DALL_E_2_SIZES = ('256x256', '512x512', '1024x1024')


def select_parameters(asked: Parameters, api_format: str) -> Parameters:
    """Only what the format has; a row may carry the other's parameters too, so that one file serves both.

    >>> select_parameters(Parameters(size='1024x1024', resolution='2k'), 'gemini').resolution
    '2K'
    """
    used = _USED_BY_VARIATIONS if asked.use_variations and api_format == 'openai' else _USED[api_format]
    selected = Parameters(**{name: getattr(asked, name) for name in used})
    # The API refuses a small k.
    return replace(selected, resolution=selected.resolution.upper()) if selected.resolution else selected


def check_row(row: Row, api_format: str, facts: ModelFacts, model: str) -> None:
    """Raises InvalidInput if the model can't take the row.

    Args:
        row: with the parameters that `select_parameters` left.
        api_format: `gemini` or `openai`.
        facts: what the model takes.
        model: its name, for the error.
    """
    if row.parameters.extra_body.get('model'):
        # Its limits and its price are another model's.
        raise InvalidInput('extra_body must not name another model: give it as --model_name, in a run of its own')
    if row.mask and not facts.takes_mask:
        raise InvalidInput(f'{model} takes no mask: describe the area in words, or use --api_format openai')
    if api_format == 'gemini':
        _check_gemini(row)
    else:
        _check_openai(row, facts, model)
    if facts.max_images is not None and len(row.images) > facts.max_images:
        raise InvalidInput(f'{len(row.images)} images are too many: {model} takes {facts.max_images}')
    for turn, instruction in enumerate(row.instructions):
        limit = facts.max_prompt_characters
        length = len(instruction) if api_format == 'gemini' else len(full_prompt(row.system, instruction))
        if limit is not None and length > limit:
            raise InvalidInput(f'instruction {turn} has {length} characters: {model} takes {limit}')


def _check_gemini(row: Row) -> None:
    if row.parameters.use_variations:
        raise InvalidInput('use_variations needs --api_format openai: Gemini has no variations')
    if row.parameters.n > 1 and len(row.instructions) > 1:
        raise InvalidInput(f'n must be 1 in a conversation of several turns, got {row.parameters.n}')


def _check_openai(row: Row, facts: ModelFacts, model: str) -> None:
    if row.parameters.use_variations:
        if len(row.images) != 1:
            raise InvalidInput(f'a variation needs exactly one image, got {len(row.images)}')
        if row.mask:
            raise InvalidInput('a variation takes no mask')
    size = row.parameters.size
    if (facts.needs_dall_e_2_input or row.parameters.use_variations) and size and size not in _DALL_E_2_SIZES:
        raise InvalidInput(f'size must be {", ".join(_DALL_E_2_SIZES)} for {model}, got {size!r}')
