"""Beam's own RunInference with its own GeminiModelHandler; one row a batch, for with more it loses rows."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.ml.inference.base import RunInference
from apache_beam.ml.inference.gemini_inference import GeminiModelHandler
from google import genai
from google.genai import types

from benchmarks.clients.beam_rows import do_rows_with_beam
from benchmarks.clients.work import KEY, MODELS, read_arguments


def request_edit(model: str, batch: Sequence[Any], client: genai.Client, _: Mapping[str, Any]) -> Any:
    """Sends one row."""
    ((_, prompt, path),) = batch
    picture = types.Part.from_bytes(data=Path(path).read_bytes(), mime_type='image/png')
    config = types.GenerateContentConfig(response_modalities=['IMAGE'])
    return client.models.generate_content(model=model, contents=[picture, prompt], config=config)


def read_picture(result: Any) -> tuple[int, bytes]:
    """The row's number and the picture of an answer."""
    return result.example[0], result.inference.candidates[0].content.parts[0].inline_data.data


def main() -> None:
    """Edits the rows."""
    arguments = read_arguments()
    # The handler has no other way of being told the server.
    os.environ['GOOGLE_GEMINI_BASE_URL'] = arguments.url
    handler = GeminiModelHandler(MODELS['gemini'], request_edit, api_key=KEY, max_batch_size=1)
    do_rows_with_beam(arguments, lambda rows: rows | RunInference(handler) | beam.Map(read_picture))


if __name__ == '__main__':
    main()
