"""Rows out of a folder of images, and the job over them."""

import json
import shutil

import fsspec
import pytest

from beam_image_edit.pipeline.__main__ import main
from tests.conftest import KEY


@pytest.fixture
def edit_images(monkeypatch, tmp_path, photos, emulator):
    """Runs the job over images, in the photos' folder; gives the exit code and the output folder."""

    def run(*flags, folder='out'):
        monkeypatch.setenv('DF_API_KEY', KEY)
        monkeypatch.setenv('DF_BASE_URL', emulator.url)
        monkeypatch.chdir(photos)
        return main([f'--cache_path={tmp_path / folder}', *flags]), tmp_path / folder

    return run


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding='utf-8').splitlines()]


def test_each_image_becomes_a_row(edit_images, photos):
    (photos / 'trips' / 'größe').mkdir(parents=True)
    shutil.copy(photos / 'a.png', photos / 'trips' / 'größe' / 'c 1.jpg')
    code, out = edit_images('--images=**/*.jpg', '--instruction=Blur it', '--instruction=Mirror it')
    assert code == 0
    turns = [{'role': 'user', 'content': 'Blur it'}, {'role': 'user', 'content': 'Mirror it'}]
    assert lines_of(out / 'image_rows.jsonl') == [
        {'id': 'b', 'images': str(photos / 'b.jpg'), 'conversations': turns},
        {'id': 'trips/größe/c 1', 'images': str(photos / 'trips/größe/c 1.jpg'), 'conversations': turns},
    ]
    assert [row['edit']['status'] for row in lines_of(out / 'manifest.jsonl')] == ['edited', 'edited']
    assert (out / 'sample_b' / 'sample_b_1.jpg').exists()


def test_the_rows_that_were_written_repeat_the_job(edit_images, emulator):
    _, out = edit_images('--images=*.jpg', '--instruction=Blur it')
    code, _ = edit_images(f'--input={out / "image_rows.jsonl"}')
    assert (code, emulator.count) == (0, 1)


def test_several_globs_name_each_image_once_in_the_order_of_the_paths(edit_images, photos):
    (photos / 'trips').mkdir()
    shutil.copy(photos / 'a.png', photos / 'trips' / 'c.png')
    globs = ['--images=trips/*.png', '--images=*.jpg', '--images=**/*.png']
    _, out = edit_images(*globs, '--instruction=Blur it', '--dry_run')
    assert [row['id'] for row in lines_of(out / 'image_rows.jsonl')] == ['a', 'b', 'mask', 'square', 'c']


def warnings_of(capfd):
    return [line.partition('WARNING ')[2] for line in capfd.readouterr().err.splitlines() if 'WARNING' in line]


def copy_image(photos, name):
    (photos / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(photos / 'b.jpg', photos / name)


@pytest.mark.parametrize('place', ['', 'memory://endings/'])
def test_pictures_with_other_endings_are_told_of(edit_images, photos, capfd, place):
    for name in ('trip/c.JPG', 'trip/d.JPG', 'trip/e.jpeg', 'trip/notes.txt', 'trip/.f.webp', 'g.jpg/h.heic'):
        copy_image(photos, name)
    if place:
        fsspec.filesystem('memory').put(f'{photos}/', '/endings/', recursive=True)
    edit_images(f'--images={place}**/*.jpg', '--instruction=Blur it', '--dry_run')
    assert warnings_of(capfd) == [
        f'left out 7 other pictures beside those of --images {place}**/*.jpg, whose endings do not match: '
        '3 .png, 2 .JPG, 1 .heic, 1 .jpeg; a further --images takes them'
    ]


@pytest.mark.parametrize(
    'globs',
    [['*'], ['b.jpg'], ['*/c.jpg'], ['*.jpg', '*.png'], ['**']],
    ids=' '.join,
)
def test_nothing_is_told_where_nothing_is_left_out(edit_images, photos, capfd, globs):
    for name in ('trips/c.jpg', 'trips/d.PNG', 'x.jpg'):
        copy_image(photos, name)
    edit_images(*(f'--images={glob}' for glob in globs), '--instruction=Blur it', '--dry_run')
    assert warnings_of(capfd) == []


@pytest.mark.parametrize(
    ('glob', 'ids'),
    [
        ('**', ['b', 'trips/c']),
        ('**/*.jpg', ['b', 'trips/c']),
        ('.*/*.jpg', ['.trash/f']),
        ('.*/.*.jpg', ['.trash/._g']),
        ('**/.*.jpg', ['._b', 'trips/._c']),
        ('trips/.old/*.jpg', ['d']),
        ('*/.old/*.jpg', ['trips/.old/d']),
    ],
)
def test_wildcards_take_hidden_files_only_where_the_glob_names_the_dot(edit_images, photos, glob, ids):
    for name in ('._b.jpg', 'trips/c.jpg', 'trips/._c.jpg', 'trips/.old/d.jpg', '.trash/f.jpg', '.trash/._g.jpg'):
        copy_image(photos, name)
    for file in photos.glob('*.png'):
        file.unlink()
    _, out = edit_images(f'--images={glob}', '--instruction=Blur it', '--dry_run')
    assert [row['id'] for row in lines_of(out / 'image_rows.jsonl')] == ids


def test_output_of_another_job_is_no_input(edit_images, photos, emulator, capfd):
    for folder in ('mine', 'yours'):
        edit_images('--images=b.jpg', '--instruction=Blur it', f'--cache_path={photos}/{folder}')
    copy_image(photos, 'yours/found.jpg')
    copy_image(photos, 'sample_of_nobody/k.jpg')
    capfd.readouterr()
    edit_images('--images=**/*.jpg', '--instruction=Mirror it', f'--cache_path={photos}/mine')
    assert [row['id'] for row in lines_of(photos / 'mine' / 'image_rows.jsonl')] == [
        'b',
        'sample_of_nobody/k',
        'yours/found',
    ]
    told = [line for line in warnings_of(capfd) if 'another job' in line]
    assert told == [f'{photos}/yours is the output of another job: what it has written there is left out']


def test_output_of_another_job_can_be_named(edit_images, photos):
    edit_images('--images=b.jpg', '--instruction=Blur it', f'--cache_path={photos}/yours')
    _, out = edit_images('--images=yours/*/*.jpg', '--instruction=Mirror it', '--dry_run')
    assert [row['id'] for row in lines_of(out / 'image_rows.jsonl')] == ['sample_b/sample_b_0']


@pytest.mark.parametrize('cache_path', ['.', 'edited'])
def test_what_the_job_has_made_is_no_input_of_the_next_run(edit_images, photos, emulator, cache_path):
    (photos / 'rows.jsonl').write_text('mine')
    for _ in range(2):
        code, _ = edit_images('--images=**/*.jpg', '--instruction=Blur it', '--report=on', f'--cache_path={cache_path}')
        assert (code, emulator.count) == (0, 1)
    assert [row['id'] for row in lines_of(photos / cache_path / 'manifest.jsonl')] == ['b']
    assert (photos / 'rows.jsonl').read_text() == 'mine'


@pytest.mark.parametrize(
    ('glob', 'reason'),
    [
        ('x/*.png', 'the glob matches no file\n'),
        ('*.JPG', 'the glob matches no file; there are 3 .png, 1 .jpg\n'),
        ('[x]/*.png', 'the glob matches no file; […] stands for one of some characters: write [[] for a [ in a name'),
        (
            '*.{jpg,png}',
            'the glob matches no file; braces are not expanded: give one glob for each, by further --images',
        ),
        ('b.{jpg,png}', 'there is no such file; braces are not expanded: give one glob for each, by further --images'),
    ],
)
def test_glob_that_names_nothing_tells_why(edit_images, capfd, glob, reason):
    with pytest.raises(SystemExit):
        edit_images(f'--images={glob}', '--instruction=Blur it')
    assert f'--images {glob}: {reason}' in capfd.readouterr().err


def test_glob_over_nothing_but_results_is_refused(edit_images, photos, emulator, capfd):
    edit_images('--images=b.jpg', '--instruction=Blur it', '--cache_path=edited')
    with pytest.raises(SystemExit) as end:
        edit_images('--images=edited/*/*.jpg', '--instruction=Blur it', '--cache_path=edited')
    assert (end.value.code, emulator.count) == (2, 1)
    assert 'names nothing but what jobs have written' in capfd.readouterr().err


def test_one_image_is_enough(edit_images, photos):
    _, out = edit_images(f'--images={photos / "a.png"}', '--instruction=Blur it')
    assert [row['id'] for row in lines_of(out / 'image_rows.jsonl')] == ['a']


def test_fields_have_the_names_that_were_asked_for(edit_images, photos):
    flags = ['--input_image_key=photo', '--input_conversation_key=talk']
    code, out = edit_images('--images=b.*', '--instruction=Blur it', *flags)
    assert code == 0
    assert lines_of(out / 'image_rows.jsonl')[0].keys() == {'id', 'photo', 'talk'}


def test_images_of_any_file_system(edit_images, photos):
    fsspec.filesystem('memory').pipe('/shop/bags/one.jpg', (photos / 'b.jpg').read_bytes())
    code, out = edit_images('--images=memory://shop/**/*.jpg', '--instruction=Blur it')
    assert code == 0
    assert [(row['id'], row['images']) for row in lines_of(out / 'image_rows.jsonl')] == [
        ('bags/one', 'memory:///shop/bags/one.jpg')
    ]


def test_a_dry_run_makes_the_rows_too(edit_images, emulator, capsys):
    code, out = edit_images('--images=*.png', '--instruction=Blur it', '--dry_run')
    assert (code, emulator.count) == (0, 0)
    assert len(lines_of(out / 'image_rows.jsonl')) == 3


@pytest.mark.parametrize(
    ('flags', 'reason'),
    [
        (['--images=*.jpg'], '--images needs --instruction'),
        (['--instruction=Blur it'], '--instruction needs --images'),
        (['--images=*.jpg', '--instruction=x', '--input=rows.jsonl'], 'together with --input'),
        (['--images=*.gif', '--instruction=x'], 'the glob matches no file'),
        (['--images=gone.jpg', '--instruction=x'], 'there is no such file'),
        (['--images=.', '--instruction=x'], 'is a folder'),
        (['--images=*.jpg', '--instruction= '], 'must not be empty'),
        (['--images=*.jpg', '--instruction=x', '--api_format=openai', '--use_variations'], 'take no --instruction'),
        (['--match_aspect', '--aspect_ratio=1:1'], 'one or the other'),
    ],
    ids=lambda value: ' '.join(value) if isinstance(value, list) else '',
)
def test_flags_that_can_not_be_used_together_are_usage_errors(edit_images, capsys, flags, reason):
    with pytest.raises(SystemExit) as ended:
        edit_images(*flags)
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err


def test_variations_need_no_instruction(edit_images, photos):
    flags = ['--api_format=openai', '--model_name=dall-e-2', '--use_variations']
    code, out = edit_images('--images=square.png', *flags)
    assert (code, len(lines_of(out / 'image_rows.jsonl'))) == (0, 1)
