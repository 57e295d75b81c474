"""Anything at all as a row's text and as a picture's bytes: a usable one or one reason, nothing else, and quickly."""

import contextlib
import io
import json
import random
import re
import resource
import struct
import zlib

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from beam_image_edit.transforms.conversions import prepare, prepare_for_dall_e_2, prepare_mask
from beam_image_edit.transforms.errors import BrokenPicture, InvalidInput
from beam_image_edit.transforms.lines import decode_line
from beam_image_edit.transforms.manifest import blank_edit, manifest_line
from beam_image_edit.transforms.models import facts_of
from beam_image_edit.transforms.names import IdField, name_sample
from beam_image_edit.transforms.outcomes import Outcome
from beam_image_edit.transforms.parquet_rows import parquet_row
from beam_image_edit.transforms.pictures import decode, identify
from beam_image_edit.transforms.row_checks import check_row, select_parameters
from beam_image_edit.transforms.rows import Parameters, Row, RowFields, locate, parse_row
from beam_image_edit.transforms.samples import Sample

# Quickly: a second for what takes a millisecond, on a machine that is busy with other tests.
QUICKLY = settings(deadline=2000, max_examples=150, suppress_health_check=[HealthCheck.too_slow])

FIELDS = (
    *('images', 'conversations', 'mask', 'mask_path', 'id', 'variant', 'n', 'size', 'quality', 'background'),
    *('aspect_ratio', 'resolution', 'use_variations', 'extra_body', 'edit', 'output_image', 'weight'),
)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
NUMBERS = st.integers() | st.integers(-(10**700), 10**700) | st.floats(allow_nan=True, allow_infinity=True)
WORDS = st.sampled_from(['a.png', 'data:,x', 'user', 'system', '1024x1024', 'x' * 1_000_000, '\0', '\ufeff', '\ud800'])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | WORDS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(TEXTS, inner, max_size=3)
        | st.fixed_dictionaries({'role': inner, 'content': inner})
        | st.fixed_dictionaries({'type': st.just('text'), 'text': inner})
    ),
    max_leaves=12,
)
DEEP = st.integers(1, 100_000).map(lambda depth: '[' * depth + ']' * depth) | st.integers(1, 3000).map(
    lambda depth: '{"a":' * depth + '1' + '}' * depth
)
LITERALS = st.sampled_from(['NaN', '-Infinity', '1e999', '9' * 5000, '-0', '1.10', '"\\ud800"', '"\\u0000"', 'tru', ''])
GOOD_MEMBERS = '"images": "a.png", "conversations": ["x"]'


@st.composite
def members(draw):
    """A member's text: any value, written in one of the ways that JSON has, and in some that it has not."""
    value = draw(LITERALS | DEEP | VALUES.map(lambda value: json.dumps(value)))
    return f'{json.dumps(draw(st.sampled_from(FIELDS)))}:{value}'


@st.composite
def row_texts(draw):
    """Texts that are much like rows: members in any number, repeated ones too, with something wrong around them."""
    inside = [*draw(st.lists(members(), max_size=4)), *draw(st.sampled_from([[], [GOOD_MEMBERS]]))]
    text = '{' + ', '.join(draw(st.permutations(inside))) + '}'
    before, after = draw(st.sampled_from(['', '\ufeff', '\0', ' '])), draw(st.sampled_from(['', '}', '\0', ',', '\r']))
    return draw(st.sampled_from([text, before + text + after, text[: draw(st.integers(0, 40))], f'[{text}]']))


def parse(text):
    """What the job makes of a line: its row, or the reason."""
    line, problem = decode_line(text.encode('utf-8', 'surrogatepass'))
    sample = Sample(line, index=6, line=7, name='sample_6', folder='/photos', problem=problem)
    try:
        return parse_row(sample, RowFields(), Parameters())
    except InvalidInput as error:
        return locate(sample, str(error))


@QUICKLY
@given(row_texts() | TEXTS | st.binary(max_size=50).map(lambda content: content.decode('latin-1')))
@example('[' * 1_000_000)
@example('{"a":' * 1_000_000)
@example('"' + 'x' * 1_000_000)
@example('{"n": ' + '9' * 1_000_000 + '}')
def test_any_text_is_a_row_or_one_reason_on_one_line(text):
    row = parse(text)
    if isinstance(row, str):
        assert row.startswith('line 7: ')
        assert row.isprintable()
        assert len(row) < 2500
        return
    assert isinstance(row, Row)
    assert row.images
    assert all(each.strip() for each in (*row.images, *row.instructions))
    ''.join((*row.images, *row.instructions, row.mask or '', row.system or '')).encode()


@QUICKLY
@given(
    row_texts(), st.sampled_from([('gemini', 'gemini-3-pro-image'), ('openai', 'gpt-image-2'), ('openai', 'dall-e-2')])
)
def test_any_row_passes_or_gets_one_reason_from_the_checks(text, endpoint):
    row = parse(text)
    if isinstance(row, Row):
        with contextlib.suppress(InvalidInput):
            select_parameters(row.parameters, endpoint[0])
            check_row(row, endpoint[0], facts_of(*endpoint), endpoint[1])


@QUICKLY
@given(row_texts() | TEXTS)
def test_any_text_has_its_line_in_the_manifest(text):
    line, _ = decode_line(text.encode('utf-8', 'surrogatepass'))
    outcome = Outcome(line, 0, 'sample_0', (), blank_edit('invalid_input', locate(Sample(line, line=1), line)))
    written = manifest_line(outcome, 'output_image')
    assert '\n' not in written
    # Python has a limit of its own for the digits of an integer.
    assert json.loads(written.encode(), parse_int=float)['edit']['status'] == 'invalid_input'
    assert parquet_row(written, 0, RowFields())['output_image'] == []


@QUICKLY
@given(VALUES)
@example('../../../etc/passwd')
@example('..')
@example('/')
@example('a/../../b')
@example('C:\\windows')
def test_any_id_gives_a_name_that_stays_in_its_folder(value):
    row_id = IdField('id').of(json.dumps({'id': value}))
    assert re.fullmatch(r'sample_[A-Za-z0-9._-]{1,110}', name_sample(7, row_id, is_repeated=True))


def make_photo(size=(160, 120), mode='RGB'):
    noise = Image.effect_noise(size, 60).convert('RGB').filter(ImageFilter.GaussianBlur(1))
    return Image.blend(noise, Image.linear_gradient('L').resize(size).convert('RGB'), 0.6).convert(mode)


def save(image, file_format, **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


PHOTO = make_photo()
PICTURES = {
    'png': save(PHOTO, 'PNG'),
    'png-palette': save(PHOTO.quantize(16), 'PNG'),
    'png-alpha': save(PHOTO.convert('RGBA'), 'PNG'),
    'apng': save(PHOTO, 'PNG', save_all=True, append_images=[PHOTO.rotate(90)]),
    'jpeg': save(PHOTO, 'JPEG'),
    'jpeg-progressive': save(PHOTO, 'JPEG', progressive=True),
    'jpeg-restarts': save(PHOTO, 'JPEG', restart_marker_blocks=4),
    'webp': save(PHOTO, 'WEBP'),
    'webp-lossless': save(PHOTO, 'WEBP', lossless=True),
    'webp-alpha': save(PHOTO.convert('RGBA'), 'WEBP', icc_profile=b'odd'),
    'gif': save(PHOTO, 'GIF', save_all=True, append_images=[PHOTO.rotate(90)]),
    'bmp': save(PHOTO, 'BMP'),
    'tiff': save(PHOTO, 'TIFF', save_all=True, append_images=[PHOTO.rotate(90)]),
    'tiff-packed': save(PHOTO, 'TIFF', compression='tiff_deflate'),
    'avif': save(PHOTO, 'AVIF'),
}
ACCEPTED = frozenset(('image/png', 'image/jpeg', 'image/webp'))


def break_somehow(content, choose, number):
    """A damaged file: cut, flipped, zeroed, repeated, with a hole, with something in it, or with another's end.

    Args:
        content: the file.
        choose: picks one of a list.
        number: picks a number below a limit.
    """
    place = number(len(content))
    end = place + choose([1, 4, 16, 512, 4096])
    way = choose(['cut', 'flip', 'flip-header', 'zero', 'repeat', 'hole', 'insert', 'splice'])
    if way == 'cut':
        return content[:place]
    if way in ('flip', 'flip-header'):
        place = place % 64 if way == 'flip-header' else place
        return content[:place] + bytes([content[place] ^ (1 + number(255))]) + content[place + 1 :]
    if way == 'zero':
        return content[:place] + bytes(len(content[place:end])) + content[end:]
    if way == 'repeat':
        return content[:end] + content[place:end] * choose([1, 5]) + content[end:]
    if way == 'hole':
        return content[:place] + content[end:]
    if way == 'insert':
        return content[:place] + bytes(number(256) for _ in range(choose([1, 4, 50]))) + content[place:]
    other = PICTURES[choose(sorted(PICTURES))]
    return content[:place] + other[number(len(other)) :]


@st.composite
def broken_pictures(draw):
    content = PICTURES[draw(st.sampled_from(sorted(PICTURES)))]
    for _ in range(draw(st.integers(1, 3))):
        if content:
            content = break_somehow(
                content, lambda each: draw(st.sampled_from(each)), lambda limit: draw(st.integers(0, limit - 1))
            )
    return content


@settings(QUICKLY, max_examples=400)
@given(broken_pictures() | st.binary(max_size=100))
def test_any_bytes_are_a_picture_or_broken(content):
    for make_ready in (
        lambda: prepare(content, ACCEPTED),
        lambda: prepare_for_dall_e_2(content),
        lambda: prepare_mask(content, identify(PICTURES['png'])),
        lambda: decode(content),
    ):
        with contextlib.suppress(BrokenPicture, InvalidInput):
            make_ready()


def share_of_undecodable(kind):
    """Of damaged files that are taken as they are: how many no decoder takes."""
    chance = random.Random(7)
    taken = undecodable = 0
    for _ in range(1500):
        content = break_somehow(PICTURES[kind], chance.choice, chance.randrange)
        with contextlib.suppress(BrokenPicture, InvalidInput):
            if prepare(content, ACCEPTED).conversion is None:
                taken += 1
                try:
                    decode(content)
                except BrokenPicture:
                    undecodable += 1
    return undecodable / max(1, taken)


# Nothing but decoding finds what is wrong inside the pixels; see --decode_inputs. For WebP that is most of what can be.
@pytest.mark.parametrize(
    ('kind', 'limit'),
    [
        ('png', 0),
        ('png-palette', 0),
        ('jpeg', 0.03),
        ('jpeg-progressive', 0.05),
        ('webp', 0.75),
        ('webp-lossless', 0.25),
    ],
)
def test_few_damaged_pictures_are_taken_that_no_decoder_takes(kind, limit):
    assert share_of_undecodable(kind) <= limit


def change(kind, place, new):
    content = PICTURES[kind]
    return content[:place] + new + content[place + len(new) :]


def after(kind, mark):
    return PICTURES[kind].index(mark) + len(mark)


def make_huge_png(side):
    def chunk(kind, content):
        return struct.pack('>I4s', len(content), kind) + content + struct.pack('>I', zlib.crc32(kind + content))

    header = struct.pack('>IIBBBBB', side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(side * (side // 8 + 1)), 9)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', rows) + chunk(b'IEND', b'')


BOMBS = {
    'png': make_huge_png(20_000),
    'jpeg': change('jpeg', after('jpeg', b'\xff\xc0') + 3, b'\xff\xdc\xff\xdc'),
    'webp': change('webp-alpha', after('webp-alpha', b'VP8X') + 8, b'\xff\x3f\0\xff\x3f\0'),
    'gif': change('gif', 6, b'\xff\xff\xff\xff'),
    'bmp': change('bmp', 18, struct.pack('<II', 100_000, 100_000)),
    'tiff': PICTURES['tiff'].replace(struct.pack('<HHII', 256, 4, 1, 160), struct.pack('<HHII', 256, 4, 1, 9_000_000)),
    'avif': change('avif', after('avif', b'ispe') + 4, struct.pack('>II', 100_000, 100_000)),
    'ppm': b'P6 100000 100000 255 \0\0\0',
    'qoi': b'qoif' + struct.pack('>IIBB', 100_000, 100_000, 3, 0) + bytes(100),
    'dds': b'DDS ' + struct.pack('<IIII', 124, 0x1007, 100_000, 100_000) + bytes(200),
    'sgi': b'\x01\xda\0\x01\0\x03' + struct.pack('>HHH', 65_000, 65_000, 3) + bytes(600),
    'pcx': b'\x0a\x05\x01\x08\0\0\0\0\xfe\xff\xfe\xff' + bytes(53) + b'\x03\xff\xff\x01' + bytes(100),
}


@pytest.mark.parametrize('content', BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_before_it_takes_memory(content):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BrokenPicture):
        prepare(content, ACCEPTED)
    # In kilobytes: far from what its pixels would take.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
