"""Tests of looking at input pictures: what is read, what is remembered, and what counts as usable."""

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from beam_image_edit.transforms.conversions import prepare
from beam_image_edit.transforms.errors import InvalidInput, Stopped
from beam_image_edit.transforms.input_pictures import InputPictures
from beam_image_edit.transforms.inputs import InputReader
from beam_image_edit.transforms.models import facts_of
from beam_image_edit.transforms.row_pictures import look_at_pictures
from beam_image_edit.transforms.rows import Parameters, Row
from beam_image_edit.transforms.storage import Storage


def save(size=(20, 10), file_format='PNG'):
    file = io.BytesIO()
    Image.new('RGB', size, 'red').save(file, file_format)
    return file.getvalue()


def make_png_with_a_bad_row():
    """A PNG of which all is there, but whose last row has a filter that there is not."""

    def chunk(kind, content):
        return struct.pack('>I4s', len(content), kind) + content + struct.pack('>I', zlib.crc32(kind + content))

    rows = zlib.compress(bytes(9 * 21) + b'\x09' + bytes(20))
    header = struct.pack('>IIBBBBB', 20, 10, 8, 0, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', rows) + chunk(b'IEND', b'')


def refuse():
    raise Stopped('the job was stopped')


class Counting(InputReader):
    """A reader that counts what it reads."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def read(self, url):
        self.count += 1
        return super().read(url)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'good.png').write_bytes(save())
    (tmp_path / 'bad.png').write_bytes(make_png_with_a_bad_row())
    return tmp_path


def look(folder, name, recipe='as it is', **settings):
    reader = Counting()
    pictures = InputPictures(reader, Storage(str(folder / 'out')), **settings)
    picture = pictures.look_at(
        'image 0', str(folder / name), recipe, lambda content: prepare(content, ['image/png', 'image/jpeg'])
    )
    return picture, reader.count


def test_a_picture_is_read_once_and_remembered(folder):
    first, reads = look(folder, 'good.png')
    again, more_reads = look(folder, 'good.png')
    assert (reads, more_reads) == (1, 0)
    assert (again.sha256, again.info, again.source, again.place) == (
        first.sha256,
        first.info,
        first.source,
        'image 0',
    )
    assert again.load().content == (folder / 'good.png').read_bytes()


@pytest.mark.parametrize(
    'settings',
    [{'recipe': 'as a PNG'}, {'is_reading_all': True}, {'is_decoding': True}],
    ids=['recipe', 'reading-all', 'decoding'],
)
def test_a_picture_is_read_again_for_another_purpose(folder, settings):
    look(folder, 'good.png')
    assert look(folder, 'good.png', **settings)[1] == 1


def test_damaged_pixels_are_found_by_decoding_only(folder):
    assert look(folder, 'bad.png')[0].info.size == (20, 10)
    with pytest.raises(InvalidInput, match=r'^image 0: /.*bad.png: PNG can not be decoded: '):
        look(folder, 'bad.png', is_decoding=True)


def test_what_was_decoded_is_remembered_as_decoded(folder):
    look(folder, 'good.png', is_decoding=True)
    assert look(folder, 'good.png', is_decoding=True)[1] == 0
    assert look(folder, 'good.png')[1] == 1


def test_a_stopped_job_looks_at_what_it_remembers_only(folder):
    look(folder, 'good.png')
    assert look(folder, 'good.png', check_open=refuse)[1] == 0
    with pytest.raises(Stopped):
        look(folder, 'bad.png', check_open=refuse)


@pytest.mark.parametrize('memory', [b'', b'{}', b'[]', b'{"info": 1}', b'{"info": {}, "sha256": 1}'], ids=str)
def test_a_memory_that_is_damaged_is_not_believed(folder, memory):
    look(folder, 'good.png')
    (path,) = Path(folder / 'out' / 'ledger' / 'inputs').rglob('*.json')
    path.write_bytes(memory)
    assert look(folder, 'good.png')[1] == 1


def test_reasons_are_one_line_that_can_be_read(folder):
    (folder / 'odd\n\u200b.png').write_bytes(b'\0\x1b[0mno picture')
    with pytest.raises(InvalidInput) as caught:
        look(folder, 'odd\n\u200b.png')
    assert str(caught.value).isprintable()
    assert r'odd\n\u200b.png' in str(caught.value)


def test_every_picture_of_a_row_knows_its_place(photos, tmp_path):
    pictures = InputPictures(InputReader(), Storage(str(tmp_path / 'out')))
    row = Row(
        (str(photos / 'a.png'), str(photos / 'b.jpg')), str(photos / 'mask.png'), ('x',), None, None, Parameters()
    )
    images, mask = look_at_pictures(pictures, row, facts_of('openai', 'gpt-image-2'))
    assert [picture.place for picture in (*images, mask)] == ['image 0', 'image 1', 'mask']


def test_what_is_wrong_with_a_mask_is_said_of_the_mask(photos, tmp_path):
    pictures = InputPictures(InputReader(), Storage(str(tmp_path / 'out')))
    row = Row((str(photos / 'a.png'),), str(photos / 'b.jpg'), ('x',), None, None, Parameters())
    with pytest.raises(InvalidInput, match=r'^mask: /.*b.jpg: mask is 240x180, the first image is 320x240'):
        look_at_pictures(pictures, row, facts_of('openai', 'gpt-image-2'))
