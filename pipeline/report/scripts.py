"""Scripts that carry content: the only form in which a page from disk can load any."""

import json
from typing import Any

# Within a script nothing of these can be more than text, in whatever way the page is put together.
_ESCAPES = str.maketrans({'<': '\\u003c', '>': '\\u003e', '&': '\\u0026'})


def write_script(function: str, *values: Any) -> bytes:
    r"""A script that hands values to a function of the sheet; ASCII, so U+2028 and halves of characters are escaped.

    >>> write_script('begin', '</script>\u2028')
    b'contactSheet.begin("\\u003c/script\\u003e\\u2028");\n'
    """
    arguments = ','.join(json.dumps(value, separators=(',', ':'), allow_nan=False) for value in values)
    return f'contactSheet.{function}({arguments.translate(_ESCAPES)});\n'.encode('ascii')
