r"""Curl: a request of the job as a shell command that sends the same bytes.

It is made from the request itself, not beside it, so that the two can't differ: a JSON body piece by piece, a form
field by field. The key stays a variable, and pictures stay the files that they are. Whatever a row says is quoted, for
a shell that knows `$'…'` (bash, zsh, ksh) where it holds what a terminal would act upon.

>>> print(quote_argument("Don't"), quote_argument('\x1b[2J'))
'Don'"'"'t' $'\033[2J'
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from email.message import Message
from email.parser import BytesHeaderParser
from hashlib import sha256

from beam_image_edit.transforms.clients.calls import HttpRequest
from beam_image_edit.transforms.clients.embedded_images import EmbeddedImage

KEY_VARIABLE = '$DF_API_KEY'

Files = Mapping[str, str]
"""By the sha256 of a picture, the path of its file."""


def to_curl(request: HttpRequest, key_headers: Mapping[str, str], files: Files) -> str:
    """A shell command that sends a request.

    Args:
        request: what to send.
        key_headers: the headers that carry the key, with KEY_VARIABLE in its place.
        files: the files of the pictures in it.
    """
    # In double quotes, so that the shell puts the key in; these are the program's own words.
    headers = [f'-H "{name}: {value}"' for name, value in key_headers.items()]
    if request.content_type.startswith('multipart/'):
        return _join('curl -sS', [quote_argument(request.url), *headers, *_form_arguments(request, files)])
    arguments = [f'-H {shlex.quote(f"Content-Type: {request.content_type}")}', *headers, '--data-binary @-']
    writers = '\n'.join(f'  {writer}' for writer in _body_writers(request.body, files))
    return f'{{\n{writers}\n}} | {_join("curl -sS", [quote_argument(request.url), *arguments])}'


def pictures_of(request: HttpRequest) -> dict[str, bytes]:
    """The pictures that a request sends, by their sha256."""
    if request.content_type.startswith('multipart/'):
        contents = [content for header, content in _read_form(request.body) if header.get_filename() is not None]
    else:
        contents = [piece.content for piece in request.body if isinstance(piece, EmbeddedImage)]
    return {_digest(content): content for content in contents}


def quote_argument(text: str) -> str:
    """A text as one argument of a shell command."""
    if all(character.isprintable() or character == '\n' for character in text):
        return shlex.quote(text)
    octal = ''.join(
        character
        if character.isprintable()
        else ''.join(f'\\{byte:03o}' for byte in character.encode('utf-8', 'replace'))
        for character in re.sub(r"([\\'])", r'\\\1', text)
    )
    return f"$'{octal}'"


def _body_writers(body: Sequence[bytes | EmbeddedImage], files: Files) -> Iterator[str]:
    for piece in body:
        if isinstance(piece, EmbeddedImage):
            file = files[_digest(piece.content)]
            yield f"base64 < {shlex.quote(file)} | tr -d '\\n'"
        else:
            yield f'printf %s {quote_argument(piece.decode())}'


def _form_arguments(request: HttpRequest, files: Files) -> Iterator[str]:
    for header, content in _read_form(request.body):
        name = str(header.get_param('name', header='content-disposition'))
        file_name = header.get_filename()
        if file_name is None:
            yield f'--form-string {quote_argument(f"{name}={content.decode()}")}'
        else:
            file = re.sub(r'(["\\])', r'\\\1', files[_digest(content)])
            value = f'{name}=@"{file}";type={header.get_content_type()};filename={file_name}'
            yield f'-F {quote_argument(value)}'


def _read_form(body: Sequence[bytes | EmbeddedImage]) -> Iterator[tuple[Message, bytes]]:
    """The fields of a form, which is in pieces: header, content and line end of each, and the last boundary."""
    pieces = [piece for piece in body if isinstance(piece, bytes)]
    for header, content in zip(pieces[:-1:3], pieces[1::3], strict=True):
        yield BytesHeaderParser().parsebytes(header.partition(b'\r\n')[2]), content


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def _join(command: str, arguments: Sequence[str]) -> str:
    return ' \\\n  '.join([command, *arguments])
