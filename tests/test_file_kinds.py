"""Files that are no JSON Lines at all: told by their beginnings, before any row is read."""

import gzip
import io
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from beam_image_edit.pipeline.__main__ import main
from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.file_kinds import check_files, check_kind
from beam_image_edit.transforms.input_files import list_files
from beam_image_edit.transforms.lines import list_ranges, read_range

ROW = b'{"images": "a.png", "conversations": "Blur it"}'


def parquet():
    file = io.BytesIO()
    pq.write_table(pa.table({'images': ['a.png']}), file)
    return file.getvalue()


def archive():
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as sheets:
        sheets.writestr('xl/workbook.xml', '<workbook/>')
    return file.getvalue()


FOREIGN = {
    'parquet': (parquet(), 'is a Parquet file; .*pandas.read_parquet.*lines=True'),
    'excel': (archive(), 'is a ZIP archive or an Excel sheet; .*pandas.read_excel'),
    'array': (b'[\n  {\n    "images": "a.png"', r"is one JSON array; .*jq -c '\.\[\]'"),
    'array-with-carriage-returns': (b'\xef\xbb\xbf\r\n[\r\n{"images": "a.png"}\r\n]', 'is one JSON array'),
    'array-with-an-object-a-line': (b'[' + ROW + b',\n' + ROW + b']\n', 'is one JSON array'),
    'utf-16-little-endian': ('\ufeff{}'.encode('utf-16-le'), 'is text in UTF-16; .*save it as UTF-8'),
    'utf-16-big-endian': ('\ufeff{}'.encode('utf-16-be'), 'is text in UTF-16'),
    'gzip': (gzip.compress(ROW), r'is compressed by gzip; .*name end with \.gz'),
    'zstd': (zstandard.compress(ROW), r'is compressed by zstd; .*name end with \.zst'),
    'png': (b'\x89PNG\r\n\x1a\n', 'is a picture; .*--images'),
    'jpeg': (b'\xff\xd8\xff\xe0', 'is a picture'),
}
LINES = {
    'row': ROW,
    'byte-order-mark': b'\xef\xbb\xbf' + ROW,
    'array-as-a-row': b'[{"images": "a.png"}]\n' + ROW,
    'array-of-numbers': b'[1, 2]\n' + ROW,
    'cut-off-array': b'[{"images":\n' + ROW,
    'other-encoding': b'\xff\xfe',
    'the-letters-of-a-kind-later': b'"PAR1"',
}


@pytest.mark.parametrize(('content', 'reason'), FOREIGN.values(), ids=FOREIGN)
def test_foreign_file_is_refused_with_what_to_do(tmp_path, content, reason):
    (tmp_path / 'rows').write_bytes(content)
    with pytest.raises(ConfigurationError, match=f'^{tmp_path}/rows {reason}'):
        check_files(list_files(f'{tmp_path}/rows'))


@pytest.mark.parametrize('content', LINES.values(), ids=LINES)
def test_file_that_may_have_rows_is_taken(content):
    check_kind('rows.jsonl', content)


@pytest.mark.parametrize('name', ['rows.jsonl', 'rows.jsonl.gz'])
def test_workers_refuse_it_too(tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(parquet()) if name.endswith('gz') else parquet())
    (part,) = list_ranges(f'{tmp_path}/{name}')
    with pytest.raises(ConfigurationError, match='is a Parquet file'):
        list(read_range(part))


def test_only_the_first_of_very_many_files_are_looked_into_at_the_start(tmp_path):
    for number in range(101):
        (tmp_path / f'{number:03}.jsonl').write_bytes(parquet() if number == 100 else b'')
    check_files(list_files(f'{tmp_path}/*'))


@pytest.mark.parametrize(('name', 'code'), [('b.parquet', 2), ('b.jsonl.gz', 1)], ids=['seen-at-start', 'compressed'])
def test_job_with_such_a_file_among_others_is_refused_before_any_call(
    photos, tmp_path, emulator, monkeypatch, capfd, name, code
):
    monkeypatch.setenv('DF_API_KEY', 'any')
    monkeypatch.setenv('DF_BASE_URL', emulator.url)
    (photos / 'rows-a.jsonl').write_bytes(ROW)
    (photos / f'rows-{name}').write_bytes(gzip.compress(parquet()) if name.endswith('gz') else parquet())
    try:
        ended = main([f'--input={photos}/rows-*', f'--cache_path={tmp_path}/out', '--report=off'])
    except SystemExit as end:
        ended = end.code
    assert (ended, emulator.count) == (code, 0)
    assert f'rows-{name} is a Parquet file; rows are JSON Lines' in capfd.readouterr().err
