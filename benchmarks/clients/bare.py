"""The bare client: `requests`, `json`, `base64` and `open().write()`, as one writes it in ten minutes."""

import base64
from pathlib import Path
from typing import Any

import requests

from benchmarks.clients.work import KEY, MODELS, do_rows, read_arguments


class BareClient:
    """Calls either API through one session."""

    def __init__(self, url: str, in_flight: int) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.mount('http://', requests.adapters.HTTPAdapter(pool_maxsize=in_flight))

    def edit_with_gemini(self, prompt: str, path: str) -> bytes:
        """Sends the picture as base64 in JSON."""
        picture = base64.b64encode(Path(path).read_bytes()).decode()
        parts = [{'inlineData': {'mimeType': 'image/png', 'data': picture}}, {'text': prompt}]
        body = {'contents': [{'role': 'user', 'parts': parts}], 'generationConfig': {'responseModalities': ['IMAGE']}}
        answer = self._post(
            f'v1beta/models/{MODELS["gemini"]}:generateContent', headers={'x-goog-api-key': KEY}, json=body
        )
        return base64.b64decode(answer['candidates'][0]['content']['parts'][0]['inlineData']['data'])

    def edit_with_openai(self, prompt: str, path: str) -> bytes:
        """Sends the picture as a part of a form."""
        answer = self._post(
            'v1/images/edits',
            headers={'Authorization': f'Bearer {KEY}'},
            files={'image': ('image.png', Path(path).read_bytes(), 'image/png')},
            data={'model': MODELS['openai'], 'prompt': prompt},
        )
        return base64.b64decode(answer['data'][0]['b64_json'])

    def _post(self, path: str, **request: Any) -> dict[str, Any]:
        answer = self._session.post(f'{self._url}/{path}', timeout=300, **request)
        answer.raise_for_status()
        return answer.json()


def main() -> None:
    """Edits the rows."""
    arguments = read_arguments()
    client = BareClient(arguments.url, arguments.in_flight)
    do_rows(arguments, client.edit_with_gemini if arguments.api_format == 'gemini' else client.edit_with_openai)


if __name__ == '__main__':
    main()
