"""Edits as one step of your own job: a Parquet file of products in, rows for a BigQuery table out.

    python examples/products_to_rows.py products.parquet out

Needs DF_API_KEY; DF_BASE_URL names another server than the API's own.
"""

import json
import os
import sys
from typing import Any

import apache_beam as beam

from beam_image_edit.transforms import EditImages, Outcome


def to_row(product: dict[str, Any]) -> dict[str, Any]:
    """A product as a row to edit: images, instructions and an id; all other fields come back as they are."""
    instruction = f'Put the {product["title"].lower()} on a plain white background'
    return {**product, 'images': product['photo'], 'conversations': [instruction]}


def to_table_row(outcome: Outcome) -> dict[str, Any]:
    """An edited product, shaped like the table it goes into."""
    product = json.loads(outcome.text)
    return {
        'product_id': product['id'],
        'title': product['title'],
        'price': product['price'],
        'picture': outcome.output_image[0],
        'picture_width': outcome.edit['images'][0]['width'],
        'model': outcome.edit['model'],
        'cost_usd': outcome.edit['cost_usd'],
    }


def to_failed_row(outcome: Outcome) -> dict[str, Any]:
    """A product that could not be edited, and why."""
    return {'product_id': json.loads(outcome.text)['id'], 'status': outcome.status, 'error': outcome.edit['error']}


def main(products: str, out: str) -> None:
    """Runs the job."""
    # With apache-beam[gcp], WriteToBigQuery takes the same rows in the place of WriteToText.
    with beam.Pipeline('FnApiRunner') as root:
        edits = (
            root
            | 'ReadProducts' >> beam.io.ReadFromParquet(products)
            | 'ToRows' >> beam.Map(to_row)
            | 'Edit' >> EditImages(cache_path=f'{out}/pictures', base_url=os.environ.get('DF_BASE_URL'))
        )
        _ = (
            edits.edited
            | 'ToTableRows' >> beam.Map(to_table_row)
            | 'TableRowsToJson' >> beam.Map(json.dumps)
            | 'WriteTableRows' >> beam.io.WriteToText(f'{out}/products.jsonl', shard_name_template='')
        )
        _ = (
            edits.failed
            | 'ToFailedRows' >> beam.Map(to_failed_row)
            | 'FailedRowsToJson' >> beam.Map(json.dumps)
            | 'WriteFailedRows' >> beam.io.WriteToText(f'{out}/failed.jsonl', shard_name_template='')
        )
        # No row fails the job, so it says itself how they ended.
        _ = (
            edits.outcomes
            | 'ToStatus' >> beam.Map(lambda outcome: outcome.status)
            | 'CountStatuses' >> beam.combiners.Count.PerElement()
            | 'GatherCounts' >> beam.combiners.ToDict()
            | 'PrintCounts' >> beam.Map(lambda counts: print('rows by status:', counts))  # noqa: T201
        )


if __name__ == '__main__':
    main(*sys.argv[1:])
