"""Makes what the other examples read: a Parquet file of products with an id, a photo, a title and a price.

python examples/make_products.py products.parquet
"""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

PHOTOS = Path(__file__).resolve().parent.parent / 'pipeline' / 'examples'
PRODUCTS = [
    {'id': 'mug', 'photo': f'{PHOTOS}/mug.jpg', 'title': 'Mug', 'price': 12.5},
    {'id': 'handbag', 'photo': f'{PHOTOS}/handbag.png', 'title': 'Leather handbag', 'price': 129.5},
    {'id': 'tulips', 'photo': f'{PHOTOS}/tulips.webp', 'title': 'Bunch of tulips', 'price': 9.0},
    # One row that can't be edited, to see what becomes of it.
    {'id': 'lamp', 'photo': f'{PHOTOS}/no-such-photo.jpg', 'title': 'Lamp', 'price': 45.0},
]

if __name__ == '__main__':
    pq.write_table(pa.Table.from_pylist(PRODUCTS), sys.argv[1])
