"""The same products through two APIs in one pipeline, and the two pictures of each side by side.

    python examples/two_models.py products.parquet out

Needs GEMINI_API_KEY and OPENAI_API_KEY; GEMINI_BASE_URL and OPENAI_BASE_URL name other servers than the APIs' own.
"""

import json
import os
import sys
from collections.abc import Iterable
from typing import Any

import apache_beam as beam

from beam_image_edit.transforms import EditImages, Outcome


def to_row(product: dict[str, Any]) -> dict[str, Any]:
    """A product as a row to edit."""
    instruction = f'Show the {product["title"].lower()} in warm evening light'
    return {'id': product['id'], 'images': product['photo'], 'conversations': [instruction]}


def to_result(outcome: Outcome) -> tuple[str, dict[str, Any]]:
    """What one model has made of a product, by the product's id."""
    picture = next(iter(outcome.output_image), None)
    result = {'status': outcome.status, 'picture': picture, 'cost_usd': outcome.edit['cost_usd']}
    return json.loads(outcome.text)['id'], result


def to_comparison(product: str, results: dict[str, Iterable[dict[str, Any]]]) -> str:
    """A line for each product; with unique ids each model has exactly one result for it."""
    return json.dumps({'id': product, **{model: next(iter(made)) for model, made in results.items()}})


def main(products: str, out: str) -> None:
    """Runs the job."""
    gemini = EditImages(
        api_format='gemini',
        model_name='gemini-3-pro-image',
        cache_path=f'{out}/gemini',
        api_key='env:GEMINI_API_KEY',
        base_url=os.environ.get('GEMINI_BASE_URL'),
        max_in_flight=8,
    )
    openai = EditImages(
        api_format='openai',
        model_name='gpt-image-2.5-flare',
        cache_path=f'{out}/openai',
        api_key='env:OPENAI_API_KEY',
        base_url=os.environ.get('OPENAI_BASE_URL'),
        size='1024x1024',
    )
    with beam.Pipeline('FnApiRunner') as root:
        rows = root | 'ReadProducts' >> beam.io.ReadFromParquet(products) | 'ToRows' >> beam.Map(to_row)
        by_gemini = rows | 'EditByGemini' >> gemini
        by_openai = rows | 'EditByOpenai' >> openai
        _ = (
            {
                'gemini': by_gemini.outcomes | 'GeminiById' >> beam.Map(to_result),
                'openai': by_openai.outcomes | 'OpenaiById' >> beam.Map(to_result),
            }
            | 'JoinById' >> beam.CoGroupByKey()
            | 'Compare' >> beam.MapTuple(to_comparison)
            | 'Write' >> beam.io.WriteToText(f'{out}/comparison.jsonl', shard_name_template='')
        )


if __name__ == '__main__':
    main(*sys.argv[1:])
