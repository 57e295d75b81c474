import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
from PIL import Image

from beam_image_edit.pipeline.commands import make_final_report
from beam_image_edit.pipeline.program import run
from beam_image_edit.pipeline.report import write_report
from beam_image_edit.pipeline.report.contact_sheet import ContactSheet
from beam_image_edit.pipeline.report.places import SourcePlaces
from beam_image_edit.pipeline.report.rows import read_rows
from beam_image_edit.pipeline.report.thumbnails import Thumbnails
from beam_image_edit.transforms.errors import ConfigurationError, StorageError
from beam_image_edit.transforms.inputs import InputReader
from beam_image_edit.transforms.pictures import identify
from beam_image_edit.transforms.storage import Storage
from tests.serving import serving
from tests.sheets import make_row, write_png, write_results
from tests.waiting import wait_until


@pytest.fixture
def folder(tmp_path):
    return tmp_path / 'results'


def read_script(path):
    """What a script hands over, the last of its arguments."""
    text = path.read_text(encoding='ascii')
    return json.loads(f'[{text[text.index("(") + 1 : text.rindex(")")]}]')[-1]


def read_cards(folder, page=0):
    return read_script(folder / 'report' / 'content' / f'rows-{page:05}.js')


def read_begin(folder):
    return read_script(folder / 'report' / 'content' / 'begin.js')


def thumbnails(folder):
    return sorted((folder / 'report' / 'thumbnails').rglob('*.webp'))


def sizes_of(paths):
    return [identify(path.read_bytes()).size for path in paths]


def test_card_has_what_the_row_has(folder):
    write_results(folder, [make_row(folder, 0, id='a-7')])
    write_report(str(folder))
    (card,) = read_cards(folder)
    assert (card['id'], card['status'], card['model'], card['turns']) == ('a-7', 'edited', 'a-model', ['Instruction 0'])
    assert (card['cost'], card['latency']) == (0.01, 5.0)
    assert [picture['link'] for picture in card['sources']] == ['../source.png']
    assert [picture['link'] for picture in card['results']] == ['../sample_0/sample_0_0.png']


def test_manifest_with_other_rows_than_the_summary_makes_no_sheet_in_place_of_an_earlier_one(folder):
    rows = [make_row(folder, index) for index in range(2)]
    write_results(folder, rows)
    write_report(str(folder))
    before = read_cards(folder)
    summary = (folder / 'summary.json').read_bytes()
    write_results(folder, rows[:1])
    (folder / 'summary.json').write_bytes(summary)
    with pytest.raises(StorageError, match='tells of 2 rows, and the manifest has 1: run the job again'):
        write_report(str(folder))
    assert read_cards(folder) == before


def test_thumbnail_is_small_and_made_once_for_equal_pictures(folder):
    write_results(folder, [make_row(folder, index) for index in range(3)])
    big = write_png(folder / 'source.png', (2000, 1000))
    rows = [make_row(folder, index) for index in range(3)]
    write_png(folder / 'source.png', (2000, 1000))
    for row in rows:
        row['edit']['sources'] = [{'place': 'image 0', **big}]
    write_results(folder, rows)
    write_report(str(folder))
    assert len(thumbnails(folder)) == 2
    assert sorted(sizes_of(thumbnails(folder))) == [(64, 48), (448, 224)]


def test_rerun_makes_no_thumbnail_again_and_the_same_files(folder):
    write_results(folder, [make_row(folder, 0)])
    write_report(str(folder))
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in thumbnails(folder)}
    content = (folder / 'report' / 'content' / 'rows-00000.js').read_bytes()
    (folder / 'source.png').unlink()
    write_report(str(folder))
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in thumbnails(folder)} == before
    assert (folder / 'report' / 'content' / 'rows-00000.js').read_bytes() == content


@pytest.mark.parametrize(
    ('spoil', 'reason'),
    [
        (lambda folder: (folder / 'source.png').unlink(), 'no such file'),
        (lambda folder: write_png(folder / 'source.png', colour='red'), 'has changed'),
        (lambda folder: (folder / 'sample_0' / 'sample_0_0.png').unlink(), 'is gone'),
    ],
    ids=['source gone', 'source changed', 'result gone'],
)
def test_picture_that_can_not_be_shown_says_why(folder, spoil, reason):
    write_results(folder, [make_row(folder, 0)])
    spoil(folder)
    write_report(str(folder))
    (card,) = read_cards(folder)
    missing = [picture.get('missing', '') for picture in card['sources'] + card['results']]
    assert [reason in text for text in missing].count(True) == 1
    assert missing.count('') == 1


def test_picture_that_is_none_says_why(folder):
    row = make_row(folder, 0)
    (folder / 'source.png').write_bytes(b'no picture')
    row['edit']['sources'][0]['sha256'] = sha256(b'no picture').hexdigest()
    write_results(folder, [row])
    write_report(str(folder))
    assert 'not a picture' in read_cards(folder)[0]['sources'][0]['missing']


def test_no_more_new_thumbnails_than_asked_for(folder):
    write_results(folder, [make_row(folder, 0)])
    write_report(str(folder), most_new=1)
    assert len(thumbnails(folder)) == 1
    write_report(str(folder))
    assert len(thumbnails(folder)) == 2


def test_turned_photograph_is_shown_upright(folder):
    row = make_row(folder, 0)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (80, 40), 'red').save(folder / 'source.jpg', exif=exif)
    row['images'] = str(folder / 'source.jpg')
    row['edit']['sources'][0]['sha256'] = sha256((folder / 'source.jpg').read_bytes()).hexdigest()
    write_results(folder, [row])
    write_report(str(folder))
    assert (40, 80) in sizes_of(thumbnails(folder))


@pytest.mark.parametrize(('size', 'is_flagged'), [((64, 48), False), ((128, 97), False), ((64, 64), True)])
def test_shape_that_differs_is_flagged(folder, size, is_flagged):
    row = make_row(folder, 0)
    row['edit']['images'][0] |= {'width': size[0], 'height': size[1]}
    write_results(folder, [row])
    write_report(str(folder))
    assert bool(read_cards(folder)[0]['results'][0]['drift']) == is_flagged
    assert read_script(folder / 'report' / 'content' / 'index-000.js')['drift'] == str(int(is_flagged))


def test_rows_are_paged_and_pages_of_a_longer_run_are_removed(folder):
    write_results(folder, [make_row(folder, index) for index in range(120)])
    write_report(str(folder))
    assert [len(read_cards(folder, page)) for page in range(3)] == [50, 50, 20]
    write_results(folder, [make_row(folder, index) for index in range(10)])
    write_report(str(folder))
    names = sorted(path.name for path in (folder / 'report' / 'content').iterdir())
    assert names == ['begin.js', 'index-000.js', 'rows-00000.js']


def test_failures_are_counted_by_reason(folder):
    errors = [f'line {line}: image 0: /photos/{line}.png: no such file' for line in (3, 44)]
    rows = [make_row(folder, index, status='invalid_input', error=error) for index, error in enumerate(errors)]
    write_results(folder, [*rows, make_row(folder, 2, status='refused', error='IMAGE_SAFETY')])
    write_report(str(folder))
    reasons = {(reason['status'], reason['text']): reason['count'] for reason in read_begin(folder)['reasons']}
    assert reasons == {('invalid_input', 'image …: …: no such file'): 2, ('refused', 'IMAGE_SAFETY'): 1}


def test_nothing_in_a_script_can_end_it(folder):
    write_results(folder, [make_row(folder, 0, conversations=['</script><!--\u2028\ud800'], id='</SCRIPT>')])
    write_report(str(folder))
    for path in (folder / 'report' / 'content').iterdir():
        content = path.read_bytes()
        assert content.isascii()
        assert not set(b'<>&') & set(content)


def test_addresses_are_encoded_and_secrets_left_out(folder):
    names = ['https://host/a"b c.png', 'https://me:secret@host/a.png', 'data:image/png;base64,AAAA', 's3://b/a.png']
    row = make_row(folder, 0, images=names)
    source = row['edit']['sources'][0]
    row['edit']['sources'] = [{**source, 'place': f'image {number}'} for number in range(4)]
    write_results(folder, [row])
    # Nothing is read: the thumbnail of the sha256 that all of them have is there.
    path = folder / 'report' / 'thumbnails' / source['sha256'][:2] / f'{source["sha256"]}.webp'
    path.parent.mkdir(parents=True)
    path.write_bytes(b'')
    write_report(str(folder))
    sources = read_cards(folder)[0]['sources']
    assert [picture['link'] for picture in sources] == ['https://host/a%22b%20c.png', None, None, None]
    assert 'secret' not in json.dumps(sources)


def test_report_of_a_store(folder):
    write_results(folder, [make_row(folder, 0)])
    store = fsspec.filesystem('memory')
    store.put(str(folder), '/sheets/run', recursive=True)
    assert write_report('memory://sheets/run') == 'memory://sheets/run/report/index.html'
    assert len(store.glob('/sheets/run/report/thumbnails/*/*.webp')) == 2
    assert store.exists('/sheets/run/report/content/rows-00000.js')


def test_report_of_nothing_says_so(tmp_path):
    with pytest.raises(ConfigurationError, match=r'summary\.json'):
        write_report(str(tmp_path))


def test_rows_of_several_folders_have_their_own_pictures(tmp_path, photos, edit):
    for name in ('one', 'two'):
        write_png(tmp_path / name / 'a.png', (40, 30), 'red' if name == 'one' else 'blue')
        (tmp_path / name / 'rows.jsonl').write_text('{"images": "a.png", "conversations": ["Make it red"]}\n')
    run = edit([], '--input=', f'--input={tmp_path}/*/rows.jsonl', '--report=on')
    cards = read_cards(run.folder)
    assert [card['sources'][0]['link'] for card in cards] == ['../../one/a.png', '../../two/a.png']
    assert not [card for card in cards if 'missing' in card['sources'][0]]


def test_report_is_made_at_the_end_of_a_job(edit, capsys):
    run = edit([{'images': 'a.png', 'conversations': ['Make it red']}], '--report=on')
    assert (run.folder / 'report' / 'index.html').exists()
    assert f'report: {run.folder}/report/index.html' in capsys.readouterr().out


def test_report_can_be_left_out(edit):
    run = edit([{'images': 'a.png', 'conversations': ['Make it red']}], '--report=off')
    assert run.code == 0
    assert not (run.folder / 'report').exists()


def test_report_that_can_not_be_made_changes_nothing_but_a_warning(edit, tmp_path, capfd):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'report').write_text('in the way')
    run = edit([{'images': 'a.png', 'conversations': ['Make it red']}], '--report=on')
    assert (run.code, run.statuses) == (0, ['edited'])
    assert 'the report could not be made' in capfd.readouterr().err


def test_page_names_all_its_files():
    static = Path(__file__).parent.parent / 'pipeline' / 'report' / 'static'
    page = (static / 'index.html').read_text(encoding='utf-8')
    names = {path.name for path in static.iterdir() if path.suffix in ('.css', '.js')}
    assert [name for name in sorted(names) if f'"{name}"' not in page] == []


@pytest.fixture
def interrupting_address():
    """An address that presses Ctrl-C when an image is asked for."""

    class Interrupting(BaseHTTPRequestHandler):
        def do_GET(self):
            os.kill(os.getpid(), signal.SIGINT)
            self.send_error(404)

        def log_message(self, *_):
            pass

    # Shells let their background jobs ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with serving(ThreadingHTTPServer(('127.0.0.1', 0), Interrupting)) as server:
        yield f'http://127.0.0.1:{server.server_port}/a.png'
    signal.signal(signal.SIGINT, before)


def test_report_that_is_interrupted_leaves_the_run_as_it_is(folder, interrupting_address, caplog):
    rows = [make_row(folder, 0, images=interrupting_address), make_row(folder, 1)]
    write_results(folder, rows)
    before = (folder / 'manifest.parquet').read_bytes(), (folder / 'summary.json').read_bytes()
    assert make_final_report(str(folder), None, is_showing_progress=False) is None
    assert 'the report could not be made: interrupted; the results are whole' in caplog.text
    assert ((folder / 'manifest.parquet').read_bytes(), (folder / 'summary.json').read_bytes()) == before
    write_results(folder, rows[1:])
    write_report(str(folder))
    assert [card['turns'] for card in read_cards(folder)] == [['Instruction 1']]


def test_report_command_that_is_interrupted_says_so_in_a_line(folder, interrupting_address, capsys):
    write_results(folder, [make_row(folder, 0, images=interrupting_address)])
    with pytest.raises(SystemExit) as end:
        run(['report', str(folder)])
    assert end.value.code == 1
    assert capsys.readouterr().err.splitlines()[-1] == 'beam-image-edit: interrupted: the same command goes on'


def test_report_says_how_far_it_is(folder):
    write_results(folder, [make_row(folder, index) for index in range(3)])
    with ThreadPoolExecutor() as pool:
        storage = Storage(str(folder))
        thumbnails = Thumbnails(storage, pool)
        sheet = ContactSheet(storage, SourcePlaces(None, str(folder)), InputReader(), thumbnails, 2, 3)
        assert sheet.describe_progress() == 'report: 0 of 3 rows, 0 new thumbnails'
        sheet.write(read_rows(storage, ['manifest.parquet']), {})
        wait_until(lambda: thumbnails.made == 2)
        assert sheet.describe_progress() == 'report: 3 of 3 rows, 2 new thumbnails'
