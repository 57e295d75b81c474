"""EditRows: rows with a schema in, rows with a schema out."""

import dataclasses
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import apache_beam as beam
import pytest
from apache_beam.coders import RowCoder
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.typehints.schemas import named_fields_from_element_type
from apache_beam.utils.timestamp import Timestamp

from beam_image_edit.transforms import ConfigurationError, EditRows, Outcome
from beam_image_edit.transforms.edit_rows import _to_error
from beam_image_edit.transforms.manifest import blank_edit


class Turn(NamedTuple):
    role: str
    content: str


@dataclasses.dataclass
class Product:
    id: int
    photo: str
    wish: Sequence[Turn]
    price: Decimal
    stored: Timestamp
    thumbnail: bytes
    size: str | None = None


beam.coders.registry.register_row(Turn)
beam.coders.registry.register_row(Product)
KEYS = {'input_image_key': 'photo', 'input_conversation_key': 'wish'}


def product(number, photo='a.png') -> Product:
    wish = [Turn('user', f'Blur it {number} times')]
    return Product(number, photo, wish, Decimal('1.50'), Timestamp(number), b'\0')


@pytest.fixture
def editing(emulator, photos, tmp_path, monkeypatch):
    """Makes an EditRows for the emulator."""
    monkeypatch.setenv('EDIT_KEY', 'any')
    monkeypatch.chdir(photos)

    def make(**more):
        settings = {'cache_path': str(tmp_path / 'out'), 'api_key': 'env:EDIT_KEY', 'base_url': emulator.url}
        return EditRows(**{**settings, **more})

    return make


def pipeline(*flags):
    return beam.Pipeline('FnApiRunner', options=PipelineOptions(list(flags)))


def products(root, *rows):
    return root | beam.Create(rows) | 'Products' >> beam.Map(lambda row: row).with_output_types(Product)


@pytest.mark.parametrize('flags', [[], ['--direct_running_mode=multi_threading', '--direct_num_workers=2']])
def test_rows_come_out_with_every_field_as_it_was(editing, tmp_path, flags):
    with pipeline(*flags) as root:
        rows = products(root, product(1), product(2, 'no.png')) | 'Before' >> beam.Reshuffle() | editing(**KEYS)
        rows = rows | 'After' >> beam.Reshuffle()  # which encodes them
        shown = rows | beam.Map(
            lambda row: (row.id, row.price, row.stored, row.thumbnail, row.size, row.wish[0].content, row.edit.status)
        )
        expected = [
            (1, Decimal('1.50'), Timestamp(1), b'\0', None, 'Blur it 1 times', 'edited'),
            (2, Decimal('1.50'), Timestamp(2), b'\0', None, 'Blur it 2 times', 'invalid_input'),
        ]
        assert_that(shown, equal_to(expected))
        files = rows | 'Files' >> beam.Map(lambda row: list(row.output_image))
        assert_that(files, equal_to([[f'{tmp_path}/out/sample_1/sample_1_0.jpg'], []]), 'F')
        sizes = rows | 'Sizes' >> beam.Map(lambda row: [(image.width, image.mime) for image in row.edit.images])
        assert_that(sizes, equal_to([[(320, 'image/jpeg')], []]), 'S')


@pytest.mark.parametrize(
    ('runner', 'flags'),
    [
        ('FnApiRunner', ['--direct_running_mode=multi_processing', '--direct_num_workers=2']),
        ('BundleBasedDirectRunner', []),
    ],
    ids=['processes', 'bundles'],
)
def test_rows_pass_from_process_to_process(editing, tmp_path, emulator, runner, flags):
    """A budget makes the rows wait between two stages, so that they are encoded before the edits and after."""
    with beam.Pipeline(runner, options=PipelineOptions(flags)) as root:
        rows = root | beam.Create(
            [beam.Row(id=1, images='a.png', conversations=['Blur it'], more=[beam.Row(price=0.5)])]
        )
        edited = rows | 'Before' >> beam.Reshuffle() | editing(max_cost_usd=1, price_per_image=0.04)
        # Worker processes can't import what is defined here.
        _ = edited | 'After' >> beam.Reshuffle() | beam.Map(str) | beam.io.WriteToText(str(tmp_path / 'seen'))
    (seen,) = [path.read_text() for path in tmp_path.glob('seen*') if path.stat().st_size]
    assert 'price=0.5' in seen
    assert "status='edited'" in seen
    assert emulator.count == 1


def test_schema_is_the_rows_with_two_more(editing):
    rows = products(pipeline(), product(1)) | editing(**KEYS)
    names = [name for name, _ in named_fields_from_element_type(rows.element_type)]
    assert names == [*(field.name for field in dataclasses.fields(Product)), 'output_image', 'edit']
    assert isinstance(beam.coders.registry.get_coder(rows.element_type), RowCoder)


def test_errors_go_to_the_output_that_is_named(editing):
    with pipeline() as root:
        rows = products(root, product(1), product(2, 'no.png'))
        edits = rows | editing(error_handling={'output': 'bad'}, **KEYS)
        assert_that(edits['good'] | 'Ids' >> beam.Map(lambda row: row.id), equal_to([1]), 'G')
        bad = edits['bad'] | beam.Reshuffle()
        shown = bad | beam.Map(lambda row: (row.element.id, row.msg.partition(': ')[0], row.stack, row.edit.status))
        assert_that(shown, equal_to([(2, 'invalid_input', '', 'invalid_input')]), 'B')
        names = [name for name, _ in named_fields_from_element_type(edits['bad'].element_type)]
        assert names == ['element', 'msg', 'stack', 'edit']


def test_fields_of_an_earlier_edit_are_replaced(editing):
    with pipeline() as root:
        rows = root | beam.Create([beam.Row(images='a.png', conversations=['Blur it'], output_image='x', edit=1)])
        edited = rows | editing()
        assert_that(edited | beam.Map(lambda row: (len(row.output_image), row.edit.status)), equal_to([(1, 'edited')]))


def test_rows_without_a_schema_are_refused(editing):
    with pytest.raises(ConfigurationError, match='rows with a schema'):
        _ = pipeline() | beam.Create([{'images': 'a.png', 'conversations': ['Blur it']}]) | editing()


def test_rows_without_the_fields_are_refused(editing):
    rows = pipeline() | beam.Create([beam.Row(photo='a.png', wish=['Blur it'])])
    with pytest.raises(ConfigurationError, match="no field 'images', only photo, wish: name it with input_image_key"):
        _ = rows | editing()


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'error_handling': {}}, 'must name an output'),
        ({'error_handling': {'output': 'bad', 'threshold': 0.1}}, 'must name an output'),
        ({'error_handling': 'bad'}, 'must name an output'),
        ({'error_handling': {'output': 'good'}}, 'must not be named good'),
        ({'input_image_key': 'id'}, "'id'"),
        ({'n': 0}, 'n must be'),
        ({'colour': 'blue'}, 'no argument colour'),
    ],
    ids=str,
)
def test_arguments_are_checked_at_construction(editing, arguments, words):
    with pytest.raises(ConfigurationError, match=words):
        editing(**arguments)


def test_half_a_character_in_an_answer_can_be_encoded():
    edit = blank_edit('refused', 'no: \ud800', finish_reason='\ud800')
    row = _to_error(Outcome('{}', None, 'x', (), edit, origin=beam.Row(images='a.png')))
    assert (row.msg, row.edit.finish_reason) == ('refused: no: \ufffd', '\ufffd')
