"""JSON objects as text: read strictly, changed without rewriting what is not changed.

A row belongs to its user. Parsing it and writing it again would turn 1.10 into 1.1, 12345678901234567890 into a float
in somebody's reader, and every escape into something else. So a row's text is kept, and members are cut out of it and
put into it as text.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

_MAX_SHOWN = 80
# Far below Python's recursion limit, so that it never depends on the depth of the stack whether a row can be read.
MAX_DEPTH = 200
# The fewest digits at which Python may refuse to convert an integer; see sys.int_info.str_digits_check_threshold.
_MAX_INTEGER_DIGITS = 640
_WHITE_SPACE = ' \t\r\n'


def parse_object(text: str) -> dict[str, Any]:
    """The members of a JSON object; of several with the same name the last one.

    Numbers beyond Python's ranges become infinities and do not fail: they may well be in fields that nobody looks at.

    Raises:
        ValueError: it is not JSON (NaN and Infinity are not either), not an object, or nested more than MAX_DEPTH deep.

    >>> parse_object('{"images": "a.png", "n": 2}')
    {'images': 'a.png', 'n': 2}
    """
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f'malformed JSON: {error.msg}: column {error.pos + 1}') from error
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    if not isinstance(value, dict):
        raise ValueError(
            f'not a JSON object but {name_kind(value)}; write each row as {{"images": …, "conversations": …}}, on a '
            'line of its own'
        )
    if text.count('[') + text.count('{') > MAX_DEPTH and _is_too_deep(value):
        raise ValueError(_TOO_DEEP)
    return value


class Member(NamedTuple):
    """One `"key": value` of an object, as positions in the object's text.

    Attributes:
        key: the key, unescaped.
        start: where the key's opening quote stands.
        value: the value, as `parse_object` reads it.
        value_start: where the value begins.
        end: just past the value.
    """

    key: str
    start: int
    value: Any
    value_start: int
    end: int


def members(text: str) -> list[Member]:
    """The members of an object in the order of its text, repeated ones too; the text is one that `parse_object` takes.

    >>> [(member.key, '{"a": 1, "a":2}'[member.value_start:member.end]) for member in members('{"a": 1, "a":2}')]
    [('a', '1'), ('a', '2')]
    """
    found = []
    scan = _DECODER.scan_once  # type: ignore[attr-defined]  # as raw_decode, without its own error for what is no JSON
    position = _skip_white_space(text, text.index('{') + 1)
    while text[position] != '}':
        key, key_end = scan(text, position)
        colon = _skip_white_space(text, key_end)
        value_start = _skip_white_space(text, colon + 1)
        value, end = scan(text, value_start)
        found.append(Member(key, position, value, value_start, end))
        position = _skip_white_space(text, end)
        if text[position] == ',':
            position = _skip_white_space(text, position + 1)
    return found


def append_members(text: str, added: Mapping[str, str]) -> str:
    """The object's own text with `added` at the end, which must be members that it does not have yet.

    Args:
        text: an object that `parse_object` takes.
        added: the JSON text of each new member by its key.

    >>> append_members('{"a": 1.10 }', {'edit': '{}'})
    '{"a": 1.10, "edit": {} }'
    """
    end = len(text[: text.rindex('}')].rstrip(_WHITE_SPACE))
    return _splice(text[:end], added, text[end:])


def replace_members(
    text: str, removed: Collection[str], added: Mapping[str, str], present: Sequence[Member] | None = None
) -> str:
    """The object's own text without the members named in `removed` and with `added` at the end.

    All members of a removed name go. What stays is the same to the byte: number literals, escapes, inner spacing.

    Args:
        text: an object that `parse_object` takes.
        removed: keys of members to leave out.
        added: the JSON text of each new member by its key.
        present: the object's members, if they are known.

    >>> replace_members('{"a": 1.10, "edit": 0, "b":[ 2 ]}', ['edit'], {'edit': '{}'})
    '{"a": 1.10, "b":[ 2 ], "edit": {}}'
    """
    present = members(text) if present is None else present
    opening = text.index('{') + 1
    begin, end = (present[0].start, present[-1].end) if present else (opening, opening)
    next_starts = [*(member.start for member in present[1:]), end]
    places = zip(present, next_starts, strict=False)
    kept = [(member, next_start) for member, next_start in places if member.key not in removed]
    # Each kept member brings the comma and the spacing that follow it, except the last one.
    pieces = [text[member.start : next_start] for member, next_start in kept[:-1]]
    pieces += [text[member.start : member.end] for member, _ in kept[-1:]]
    return _splice(f'{text[:begin]}{"".join(pieces)}', added, text[end:])


def write_compact(value: Any) -> bytes:
    r"""A value as JSON without any spaces; a dataclass is written as an object with its members.

    With escapes for all but ASCII, since a text may hold half of a surrogate pair, which no encoding can.

    >>> write_compact({'é': [1, None]})
    b'{"\\u00e9":[1,null]}'
    """
    return _COMPACT.encode(value).encode()


def _members_of(value: Any) -> dict[str, Any]:
    # Not `asdict`, which copies all that is in it as well, and takes twenty times as long.
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def name_kind(value: Any) -> str:
    """What JSON calls a value, with an article: `a string`, `an array`, `null` and so on.

    >>> name_kind([1])
    'an array'
    """
    if value is None:
        return 'null'
    return next(name for kind, name in _KINDS if isinstance(value, kind))


def show(value: Any) -> str:
    """A value for an error text: its JSON, shortened.

    >>> show({'role': 'user'})
    '{"role": "user"}'
    """
    return shorten(json.dumps(value, ensure_ascii=False, default=repr))


def shorten(text: str) -> str:
    """A text for an error text, cut to a length that can be read at a glance."""
    return text if len(text) <= _MAX_SHOWN else f'{text[: _MAX_SHOWN - 1]}…'


def to_unicode(value: Any) -> Any:
    """A JSON value whose texts can be encoded: halves of characters become U+FFFD."""
    if isinstance(value, str):
        return value.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')
    if isinstance(value, list):
        return [to_unicode(item) for item in value]
    if isinstance(value, dict):
        return {name: to_unicode(item) for name, item in value.items()}
    return value


def escape_invisible(text: str) -> str:
    r"""A text for an error text, with escapes for what nobody would see or what would spoil the line.

    >>> print(escape_invisible('a\ufeff\0 b\n'))
    a\ufeff\x00 b\n
    """
    if text.isprintable():
        return text
    return ''.join(
        character if character.isprintable() else character.encode('unicode_escape').decode() for character in text
    )


def _splice(before: str, added: Mapping[str, str], after: str) -> str:
    """An object's text with members put in behind those that it has."""
    new = ', '.join(f'{json.dumps(key)}: {value}' for key, value in added.items())
    is_first = before.rstrip(_WHITE_SPACE).endswith('{')
    separator = '' if is_first or not added else ', '
    return f'{before}{separator}{new}{after}'


def _skip_white_space(text: str, position: int) -> int:
    while text[position] in _WHITE_SPACE:
        position += 1
    return position


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        containers = (
            each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)
        )
        level = [child for container in containers for child in container]
        if not level:
            return False
    return True


def _parse_integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_INTEGER_DIGITS else float(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f'malformed JSON: {name} is not JSON; write a number or null')


_TOO_DEEP = f'nested more than {MAX_DEPTH} levels deep; flatten it'
_KINDS = (
    (str, 'a string'),
    (bool, 'a boolean'),
    (int | float, 'a number'),
    (list, 'an array'),
    (dict, 'an object'),
)
_COMPACT = json.JSONEncoder(separators=(',', ':'), default=_members_of)
_DECODER = json.JSONDecoder(parse_int=_parse_integer, parse_constant=_refuse_constant)
