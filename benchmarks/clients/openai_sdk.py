"""The openai SDK in a thread pool."""

import base64
from pathlib import Path

from openai import OpenAI

from benchmarks.clients.work import KEY, MODELS, do_rows, read_arguments


def main() -> None:
    """Edits the rows."""
    arguments = read_arguments()
    client = OpenAI(api_key=KEY, base_url=f'{arguments.url}/v1')

    def edit(prompt: str, path: str) -> bytes:
        picture = ('image.png', Path(path).read_bytes(), 'image/png')
        answer = client.images.edit(model=MODELS['openai'], image=picture, prompt=prompt)
        return base64.b64decode(answer.data[0].b64_json)

    do_rows(arguments, edit)


if __name__ == '__main__':
    main()
