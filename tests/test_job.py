"""The whole job against the emulator, as its command runs it."""

import hashlib
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from beam_image_edit.pipeline.__main__ import main

BOTH_FORMATS = pytest.mark.parametrize('api_format', ['gemini', 'openai'])


def row(instruction='Make it black and white', images='a.png', **more):
    turns = [instruction] if isinstance(instruction, str) else instruction
    return {'images': images, 'conversations': [{'role': 'user', 'content': turn} for turn in turns], **more}


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert('RGB').resize((64, 64)), dtype=float)


ALL_KINDS = [
    row(),
    row('Make a sepia print of both', ['a.png', 'b.jpg']),
    row(['Mirror it', 'Now invert the colours', 'Now blur it'], id='chat'),
]


@BOTH_FORMATS
def test_job_gives_each_row_its_images(edit, emulator, api_format):
    run = edit(ALL_KINDS, f'--api_format={api_format}')
    extension = 'jpg' if api_format == 'gemini' else 'png'
    assert run.code == 0
    assert run.images == [
        [f'sample_0/sample_0_0.{extension}'],
        [f'sample_1/sample_1_0.{extension}'],
        [f'sample_chat/sample_chat_{turn}.{extension}' for turn in range(3)],
    ]
    assert emulator.count == 5
    assert run.summary['calls'] == 5


@BOTH_FORMATS
def test_job_changes_the_pictures_visibly(edit, photos, api_format):
    run = edit(ALL_KINDS, f'--api_format={api_format}')
    original = pixels(photos / 'a.png')
    edited = [pixels(run.folder / path) for paths in run.images for path in paths]
    assert all(np.abs(image - original).mean() > 10 for image in edited)
    gray = edited[0][:40]  # above the band with the instruction
    assert np.abs(gray[..., 0] - gray[..., 2]).mean() < 5


def test_job_edits_only_where_the_mask_is_transparent(edit, photos):
    run = edit([row('Invert the colours', mask='mask.png')], '--api_format=openai')
    difference = np.abs(pixels(run.folder / run.images[0][0]) - pixels(photos / 'a.png')).mean(axis=(1, 2))
    by_column = np.abs(pixels(run.folder / run.images[0][0]) - pixels(photos / 'a.png'))[:40].mean(axis=(0, 2))
    assert run.code == 0
    assert difference.mean() > 0
    assert by_column[:28].min() > 50
    assert by_column[36:].max() < 10


@BOTH_FORMATS
def test_rerun_calls_nothing_and_writes_the_same_bytes(edit, emulator, api_format):
    def digest(run):
        names = ('manifest.jsonl', 'manifest.parquet')
        return [hashlib.sha256((run.folder / name).read_bytes()).hexdigest() for name in names]

    first = edit(ALL_KINDS, f'--api_format={api_format}')
    before, calls = digest(first), emulator.count
    second = edit(ALL_KINDS, f'--api_format={api_format}')
    assert digest(second) == before
    assert emulator.count == calls
    assert second.summary['calls'] == 0


def test_manifest_comes_back_from_the_ledger_without_a_call(edit, emulator):
    run = edit(ALL_KINDS)
    before, calls = run.lines, emulator.count
    for name in ('manifest.jsonl', 'manifest.parquet', 'summary.json'):
        (run.folder / name).unlink()
    assert edit(ALL_KINDS).lines == before
    assert emulator.count == calls


@BOTH_FORMATS
def test_conversation_goes_on_at_its_first_unbought_turn(edit, emulator, api_format):
    edit([row(['Mirror it', 'Invert it'])], f'--api_format={api_format}')
    run = edit([row(['Mirror it', 'Invert it', 'Blur it'])], f'--api_format={api_format}')
    assert emulator.count == 3
    assert len(run.images[0]) == 3


def test_reordered_and_inserted_rows_cost_only_the_new_one(edit, emulator):
    rows = [row(f'Blur it {number} times') for number in range(4)]
    before = edit(rows).images
    second = edit([row('A new one: mirror it'), *reversed(rows)])
    assert emulator.count == 5
    assert second.images[1:] == before[::-1]
    # Its own name is taken by the row that was there before.
    assert second.images[0][0].startswith('sample_0-')


@BOTH_FORMATS
def test_changed_content_of_an_image_costs_that_row_only(edit, emulator, photos, api_format):
    Image.new('RGB', (64, 48), 'green').save(photos / 'other.png')
    rows = [row(), row(images='other.png'), row(images=['a.png', 'b.jpg'])]
    first = edit(rows, f'--api_format={api_format}')
    before = first.images
    stored = {path: path.stat().st_mtime_ns for paths in before for path in map(first.folder.joinpath, paths)}
    Image.new('RGB', (64, 48), 'blue').save(photos / 'other.png')
    after = edit(rows, f'--api_format={api_format}').images
    assert emulator.count == 4
    assert (after[0], after[2]) == (before[0], before[2])
    assert after[1] != before[1]
    assert {path: path.stat().st_mtime_ns for path in stored} == stored


def test_identical_rows_share_one_purchase(edit, emulator):
    run = edit([row()] * 10)
    assert emulator.count == 1
    assert len({tuple(paths) for paths in run.images}) == 1
    assert run.summary['calls'] == 1


def test_variant_makes_an_identical_row_a_purchase_of_its_own(edit, emulator):
    run = edit([row(), row(variant=1), row(variant='1')])
    assert emulator.count == 3
    assert len({tuple(paths) for paths in run.images}) == 3


def test_several_images_of_one_instruction(edit, emulator):
    gemini = edit([row(n=3)], folder='gemini')
    assert (emulator.count, len(gemini.images[0])) == (3, 3)
    openai = edit([row(n=3)], '--api_format=openai', folder='openai')
    assert (emulator.count, len(openai.images[0])) == (4, 3)


def test_more_samples_buy_only_the_missing_ones(edit, emulator):
    edit([row(n=2)])
    edit([row(n=5)])
    assert emulator.count == 5


def test_variations_need_no_instruction(edit, emulator):
    flags = ('--api_format=openai', '--model_name=dall-e-2', '--use_variations')
    run = edit([{'images': 'a.png'}, {'images': 'square.png', 'n': 2}], *flags)
    assert run.code == 0
    assert [len(paths) for paths in run.images] == [1, 2]
    assert 'padded' in run.rows[0]['edit']['conversions'][0]
    assert run.rows[1]['edit']['conversions'] == []


def test_dall_e_2_gets_square_pictures_and_masks(edit):
    run = edit([row(mask='mask.png', size='256x256')], '--api_format=openai', '--model_name=dall-e-2')
    assert run.code == 0, run.rows
    assert run.rows[0]['edit']['images'][0]['width'] == 256


def test_parameters_of_job_and_row_reach_the_api(edit):
    flags = ('--api_format=openai', '--size=1024x1536', '--quality=low', '--output_format=webp')
    run = edit([row(), row('Blur it', size='1536x1024')], *flags)
    sizes = [(image['width'], image['height']) for line in run.rows for image in line['edit']['images']]
    assert sizes == [(1024, 1536), (1536, 1024)]
    assert all(paths[0].endswith('.webp') for paths in run.images)


def test_gemini_parameters_reach_the_api(edit):
    run = edit([row(aspect_ratio='16:9', resolution='2k')], '--model_name=gemini-nano-banana-2.1')
    image = run.rows[0]['edit']['images'][0]
    assert (image['width'], image['height']) == (2752, 1536)


def test_extra_body_is_merged_into_the_request(edit, emulator):
    run = edit([row(extra_body={'generationConfig': {'seed': 7}})])
    assert run.code == 0
    refused = edit([row(extra_body={'nonsense': 1})], folder='refused')
    assert refused.statuses == ['failed']
    assert 'nonsense' in refused.rows[0]['edit']['error']


def test_no_rows_make_an_empty_manifest(edit):
    run = edit('')
    assert (run.code, run.rows) == (0, [])
    assert (run.folder / 'manifest.parquet').exists()


def test_key_is_in_no_file_and_no_log(edit, emulator, capfd):
    emulator.set_faults([{'match': 'Blur', 'times': None, 'fault': 'echo_key'}])
    run = edit([row(), row('Blur it')], '--log_level=DEBUG')
    assert run.statuses[0] == 'edited'
    assert run.statuses[1] != 'edited'
    written = b''.join(path.read_bytes() for path in run.folder.rglob('*') if path.is_file())
    captured = capfd.readouterr()
    assert b'key-for-tests' not in written
    assert 'key-for-tests' not in captured.out + captured.err


def test_output_folder_can_be_in_memory(edit, emulator, monkeypatch, photos):
    source = photos / 'rows.jsonl'
    source.write_text(json.dumps(row()))
    monkeypatch.setenv('DF_API_KEY', 'any')
    monkeypatch.setenv('DF_BASE_URL', emulator.url)
    assert main([f'--input={source}', '--cache_path=memory://job-in-memory']) == 0
    assert main([f'--input={source}', '--cache_path=memory://job-in-memory']) == 0
    assert emulator.count == 1


def test_every_file_is_below_the_output_folder(edit, tmp_path: Path, photos: Path):
    before = {path for path in tmp_path.rglob('*') if 'out' not in path.parts}
    run = edit([row(id='../../../escape'), row('Blur it', id='/etc/x'), row('Mirror it', id='..')])
    after = {path for path in tmp_path.rglob('*') if run.folder not in (path, *path.parents)}
    assert after - before <= {photos / 'rows.jsonl'}
    assert run.code == 0


def test_system_turn_reaches_both_apis(edit, emulator):
    turns = [{'role': 'system', 'content': 'Keep the frame.'}, {'role': 'user', 'content': 'Blur it'}]
    rows = [{'images': 'a.png', 'conversations': turns}]
    edit(rows, folder='gemini')
    edit(rows, '--api_format=openai', folder='openai')
    assert emulator.calls[1].prompt == 'Keep the frame.\n\nBlur it'


def test_tokens_of_every_answer_are_counted(edit, emulator):
    emulator.set_faults([{'match': 'Blur', 'times': 1, 'fault': 'no_image'}])
    run = edit([row('Blur it')])
    assert run.statuses == ['edited']
    assert run.summary['tokens'] == run.summary['tokens_of_all_rows']
    assert run.summary['tokens']['input'] == sum(call.tokens.input for call in emulator.calls)
    assert run.summary['tokens']['total'] == sum(call.tokens.total for call in emulator.calls)


def test_image_root_confines_local_images(edit, emulator, photos, tmp_path):
    outside = tmp_path / 'outside.png'
    outside.write_bytes((photos / 'a.png').read_bytes())
    (photos / 'link.png').symlink_to(outside)
    places = ['a.png', str(outside), '../outside.png', outside.as_uri(), 'link.png', f'simplecache::file://{outside}']
    run = edit([row(images=place) for place in places], f'--image_root={photos}')
    assert run.statuses == ['edited'] + ['invalid_input'] * 5
    assert all('--image_root' in line['edit']['error'] for line in run.rows[1:])
    assert emulator.count == 1
    # What an earlier run has read from there is not told either.
    edit([row(images=str(outside), variant=1)])
    assert edit([row(images=str(outside), variant=1)], f'--image_root={photos}').statuses == ['invalid_input']


def test_image_root_must_be_a_folder(edit, capsys):
    with pytest.raises(SystemExit):
        edit([row()], '--image_root=/no/such/folder')
    assert '/no/such/folder' in capsys.readouterr().err


def damaged_png():
    """A PNG with a right checksum whose pixels go wrong long after their beginning."""

    def chunk(kind, content):
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))

    noise = np.random.default_rng(1)
    lines = b''.join(b'\0' + noise.bytes(3 * 300) for _ in range(300))
    pixels = bytearray(zlib.compress(lines, 0))
    pixels[200_000:200_400] = b'\xff' * 400
    header = struct.pack('>IIBBBBB', 300, 300, 8, 2, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', bytes(pixels)) + chunk(b'IEND', b'')


def test_damaged_pixels_are_found_on_request(edit, emulator, photos):
    (photos / 'damaged.png').write_bytes(damaged_png())
    run = edit([row(images='damaged.png'), row(images='a.png')], '--decode_inputs')
    assert run.statuses == ['invalid_input', 'edited']
    assert 'damaged.png' in run.rows[0]['edit']['error']
    assert emulator.count == 1
