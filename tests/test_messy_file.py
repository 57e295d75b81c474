"""A file as people really have them: every line comes out with a status and a reason, and no bad one is sent."""

import base64
import io
import json

import pytest
from PIL import Image

GOOD = [{'role': 'user', 'content': 'Make it gray'}]


@pytest.fixture
def messy(photos):
    """Lines of a messy file with what must become of each: a status and a word of the reason."""
    whole = (photos / 'a.png').read_bytes()
    jpeg = (photos / 'b.jpg').read_bytes()
    (photos / 'cut.png').write_bytes(whole[:-30])
    (photos / 'cut.jpg').write_bytes(jpeg[: len(jpeg) // 2])
    (photos / 'empty.png').write_bytes(b'')
    (photos / 'words.png').write_text('no picture')
    (photos / 'größe 猫.png').write_bytes(whole)
    first, second = Image.new('RGB', (64, 48), 'red'), Image.new('RGB', (64, 48), 'blue')
    first.save(photos / 'phone.jpg', format='MPO', save_all=True, append_images=[second])
    data_uri = 'data:image/png;base64,' + base64.b64encode(whole).decode()

    def row(images, conversations=GOOD, **more):
        return json.dumps({'images': images, 'conversations': conversations, **more}, ensure_ascii=False)

    return [
        ('\ufeff' + row('a.png'), 'edited', ''),
        ('{"images": "a.png", "conversations": ', 'invalid_input', 'line 2'),
        ('null', 'invalid_input', 'null'),
        ('[1, 2]', 'invalid_input', 'line 4'),
        ('"text"', 'invalid_input', 'line 5'),
        (row('missing.png'), 'invalid_input', 'missing.png'),
        (row('cut.png'), 'invalid_input', 'cut off'),
        (row('cut.jpg'), 'invalid_input', 'cut off'),
        (row('empty.png'), 'invalid_input', '0 bytes'),
        (row('words.png'), 'invalid_input', 'words.png'),
        (row([]), 'invalid_input', 'images'),
        (row(None), 'invalid_input', 'images'),
        (json.dumps({'conversations': GOOD}), 'invalid_input', 'images'),
        (json.dumps({'images': 'a.png'}), 'invalid_input', 'conversations'),
        (row('a.png', [{'role': 'user', 'content': ''}]), 'invalid_input', 'line 15'),
        (row('a.png', [{'role': 'user', 'content': '  \n '}]), 'invalid_input', 'line 16'),
        (row('a.png', []), 'invalid_input', 'conversations'),
        (row('a.png', [{'role': 'robot', 'content': 'x'}]), 'invalid_input', 'robot'),
        (row('.'), 'invalid_input', 'line 19'),
        (row('a\0.png'), 'invalid_input', 'line 20'),
        (row('data:image/png;base64,!!!'), 'invalid_input', 'line 21'),
        ('{"images": "a.png", "conversations": ["x"], "weight": NaN}', 'invalid_input', 'NaN'),
        (
            row('b.jpg', [{'from': 'human', 'value': '<image>\nMake it gray'}, {'from': 'gpt', 'value': 'Done'}]),
            'edited',
            '',
        ),
        (row(data_uri, ['Blur it']), 'edited', ''),
        (row('größe 猫.png', ['Mirror it']), 'edited', ''),
        (row('a.png', ['Sepia\u2028please'], note='a\u2028b'), 'edited', ''),
        (row('a.png', ['Invert it'], id='../../../etc/passwd'), 'edited', ''),
        (row('a.png', ['Invert it twice'], id='same'), 'edited', ''),
        (row('a.png', ['Invert it thrice'], id='SAME'), 'edited', ''),
        (row('a.png', ['Rotate it'], id=30), 'edited', ''),
        (row('a.png', ['Posterize it']), 'edited', ''),
        (row('phone.jpg', ['Blur it']), 'edited', ''),
        (row('a.png', [{'role': 'user', 'content': [{'type': 'text', 'text': 'Brighter'}]}]), 'edited', ''),
        (row(['a.png'] * 15, ['Join them']), 'invalid_input', '15 images'),
        (row('a.png', mask='mask.png'), 'invalid_input', 'mask'),
        (row('a.png', n=0), 'invalid_input', 'n must be'),
    ]


def write(lines):
    ends = ['\n', '\r\n', '\n\n', '\n  \t\r\n']
    # Blank lines only at the end, so that physical lines and rows agree up to there.
    return ''.join(line + ends[number % 2] for number, line in enumerate(lines)) + ends[3] + '\r\n'


def test_messy_file_gives_each_line_a_status_and_a_reason(edit, emulator, messy):
    run = edit(write([line for line, _, _ in messy]))
    found = [(row['edit']['status'], row['edit']['error']) for row in run.rows]
    assert [status for status, _ in found] == [status for _, status, _ in messy], found
    wrong = [
        (error, word) for (_, error), (_, status, word) in zip(found, messy, strict=True) if word not in (error or '')
    ]
    assert wrong == []
    assert run.code == 3


def test_messy_file_sends_only_the_good_rows(edit, emulator, messy):
    edit(write([line for line, _, _ in messy]))
    assert emulator.count == sum(status == 'edited' for _, status, _ in messy)


def test_messy_file_names_are_unlike_each_other(edit, messy):
    run = edit(write([line for line, _, _ in messy]))
    names = [paths[0].casefold() for paths in run.images if paths]
    assert len(names) == len(set(names))
    assert 'sample_same/sample_same_0.jpg' in names
    assert any(name.startswith('sample_same-28/') for name in names)
    # Row 30 has no id, and the id of row 29 is 30.
    assert any(name.startswith('sample_30/') for name in names)
    assert any(name.startswith('sample_30-30/') for name in names)


def test_mpo_goes_as_the_file_itself(edit, emulator, photos, messy):
    edit([{'images': 'phone.jpg', 'conversations': ['Blur it']}])
    (call,) = emulator.calls
    assert [picture.mime_type for picture in call.images] == ['image/jpeg']
    assert call.images[0].bytes == (photos / 'phone.jpg').stat().st_size


def test_lines_that_are_no_objects_keep_their_text(edit):
    run = edit('null\n{oops\n')
    assert [row['line'] for row in run.rows] == ['null', '{oops']
    assert [row['output_image'] for row in run.rows] == [[], []]


def test_openai_refuses_masks_that_do_not_fit(edit, emulator, photos):
    Image.new('RGBA', (64, 64)).save(photos / 'small_mask.png')
    Image.new('L', (320, 240)).save(photos / 'gray_mask.png')
    rows = [
        {'images': 'a.png', 'conversations': ['x'], 'mask': mask}
        for mask in ('small_mask.png', 'gray_mask.png', 'no.png')
    ]
    run = edit([*rows, {'images': ['a.png'] * 17, 'conversations': ['x']}], '--api_format=openai')
    assert run.statuses == ['invalid_input'] * 4
    assert '64x64' in run.rows[0]['edit']['error']
    assert 'alpha' in run.rows[1]['edit']['error']
    assert emulator.count == 0


def test_too_long_a_prompt_is_not_sent(edit, emulator):
    run = edit([{'images': 'a.png', 'conversations': ['x' * 32_001]}], '--api_format=openai')
    assert run.statuses == ['invalid_input']
    assert emulator.count == 0


@pytest.mark.parametrize('image_format', ['GIF', 'BMP', 'TIFF', 'AVIF'])
@pytest.mark.parametrize('api_format', ['gemini', 'openai'])
def test_formats_that_no_model_takes_are_converted(edit, photos, image_format, api_format):
    with Image.open(photos / 'a.png') as image:
        image.save(photos / f'other.{image_format.lower()}', image_format)
    run = edit(
        [{'images': f'other.{image_format.lower()}', 'conversations': ['Blur it']}], f'--api_format={api_format}'
    )
    assert run.statuses == ['edited'], run.rows
    assert f'{image_format} to PNG' in run.rows[0]['edit']['conversions'][0]


def test_rotated_photo_is_turned_upright(edit, emulator, photos):
    exif = Image.Exif()
    exif[0x0112] = 6
    encoded = io.BytesIO()
    Image.new('RGB', (80, 40), 'green').save(encoded, 'JPEG', exif=exif)
    (photos / 'rotated.jpg').write_bytes(encoded.getvalue())
    run = edit([{'images': 'rotated.jpg', 'conversations': ['Blur it']}])
    image = run.rows[0]['edit']['images'][0]
    assert (image['width'], image['height']) == (40, 80)
    assert 'EXIF' in run.rows[0]['edit']['conversions'][0]
