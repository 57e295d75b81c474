"""Conversations: a row's chat turns, in any of the field's shapes, as instructions.

User turns are the edits, in order. System turns are the system instruction. Assistant turns are what some other model
once answered; they are not sent, and not looked into.
"""

from collections.abc import Mapping
from typing import Any

from beam_image_edit.transforms.errors import InvalidInput
from beam_image_edit.transforms.json_text import show

_ROLES = {
    'user': 'user',
    'human': 'user',
    'system': 'system',
    'assistant': 'assistant',
    'gpt': 'assistant',
    'model': 'assistant',
}
# Where the text for a vision model has its picture; ours come from the row's images.
_IMAGE_MARK = '<image>'


def read_conversation(name: str, value: Any) -> tuple[tuple[str, ...], str | None]:
    """The instructions, at least one and none of them blank, and the system instruction if there is one.

    Args:
        name: the field's name, for error texts.
        value: turns as `role` and `content`, as ShareGPT's `from` and `value`, or as bare strings (user turns); or one
            of those without a list around it.

    Raises:
        InvalidInput: a turn can't be understood, or there is nothing to do.

    >>> read_conversation('conversations', [{'role': 'system', 'content': 'Be brief.'}, 'Make it red.'])
    (('Make it red.',), 'Be brief.')
    """
    turns = {f'{name}[{place}]': turn for place, turn in enumerate(value)} if isinstance(value, list) else {name: value}
    texts: dict[str, list[str]] = {'user': [], 'system': []}
    for place, turn in turns.items():
        role, content = _read_turn(place, turn)
        if role == 'assistant':
            continue
        text = _read_content(place, content)
        if text:
            texts[role].append(text)
        elif role == 'user':
            raise InvalidInput(f'{place} must hold an instruction that is not blank, got {show(turn)}')
    if not texts['user']:
        raise InvalidInput(f'{name} must hold at least one user turn with an instruction, got {show(value)}')
    return tuple(texts['user']), '\n'.join(texts['system']) or None


def _read_turn(place: str, turn: Any) -> tuple[str, Any]:
    """A turn's role, as one of ours, and its content."""
    if turn is None or isinstance(turn, str):
        return 'user', turn
    if not isinstance(turn, dict):
        raise InvalidInput(f'{place} must be a turn such as {{"role": "user", "content": "…"}}, got {show(turn)}')
    role = _first_given(turn, 'role', 'from')
    if not isinstance(role, str) or role.lower() not in _ROLES:
        raise InvalidInput(f'{place} has the role {show(role)}; use one of {", ".join(_ROLES)}')
    return _ROLES[role.lower()], _first_given(turn, 'content', 'value')


def _first_given(turn: Mapping[str, Any], *names: str) -> Any:
    return next((turn[name] for name in names if turn.get(name) is not None), None)


def _read_content(place: str, content: Any) -> str:
    parts = content if isinstance(content, list) else [] if content is None else [content]
    text = '\n'.join(_read_part(place, part) for part in parts)
    return text.replace(_IMAGE_MARK, '').strip()


def _read_part(place: str, part: Any) -> str:
    text = part.get('text') if isinstance(part, dict) and part.get('type', 'text') == 'text' else part
    if not isinstance(text, str):
        raise InvalidInput(f'{place} must hold text only, and images be listed in the row itself; got {show(part)}')
    return text
