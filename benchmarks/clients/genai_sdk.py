"""The google-genai SDK in a thread pool, with its settings as shipped: 100 connections at the most."""

from pathlib import Path

from google import genai
from google.genai import types

from benchmarks.clients.work import KEY, MODELS, do_rows, read_arguments


def main() -> None:
    """Edits the rows."""
    arguments = read_arguments()
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=arguments.url))
    config = types.GenerateContentConfig(response_modalities=['IMAGE'])

    def edit(prompt: str, path: str) -> bytes:
        picture = types.Part.from_bytes(data=Path(path).read_bytes(), mime_type='image/png')
        answer = client.models.generate_content(model=MODELS['gemini'], contents=[picture, prompt], config=config)
        return answer.candidates[0].content.parts[0].inline_data.data

    do_rows(arguments, edit)


if __name__ == '__main__':
    main()
