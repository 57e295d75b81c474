"""One row, with a fault at every single operation on the disk in turn: once, from then on, or as the process's death.

The interpreter tells audit hooks of each file that it opens, renames, links or removes, before it does. So a hook can
fail any operation below the cache path, or end the process there, on a real disk and without a stand-in. Everything
runs in forks of one process that has imported the job but started no thread.
"""

import json
import subprocess
import sys
from collections import Counter
from itertools import count

import pytest
from PIL import Image

from beam_image_edit.pipeline.emulator import Emulator

DRIVER = """
import contextlib, errno, io, json, os, sys, traceback

import genai_prices.data_snapshot
from PIL import Image, ImageOps

from beam_image_edit.pipeline.__main__ import main
from beam_image_edit.transforms import persistence, storage
from beam_image_edit.transforms.editor import Editor
from beam_image_edit.transforms.editor_config import EditorConfig
from beam_image_edit.transforms.samples import Sample

Image.init()  # and all above, so that not every fork has to do it
storage._RETRY_DELAYS_S = (0.0, 0.0)
persistence._DELAYS_S = (0.0, 0.0)
work, url, api_format = sys.argv[1:]
os.environ.update(DF_API_KEY='any', DF_BASE_URL=url)


def strike_at(folder, moment, fault):
    seen = 0

    def hook(event, arguments):
        nonlocal seen
        if not (event == 'open' or event.startswith('os.')):
            return
        if not any(f'{argument}/'.startswith(f'{folder}/') for argument in arguments[:2]):
            return
        seen += 1
        if seen < moment or (fault == 'once' and seen > moment):
            return
        if fault == 'crash':
            os._exit(9)
        raise OSError(errno.EIO, os.strerror(errno.EIO), arguments[0])

    sys.addaudithook(hook)
    return lambda: seen


def edit_row(folder, turns):
    config = EditorConfig(api_format=api_format, cache_path=folder, base_url=url, run_id=f'run-{os.getpid()}')
    text = json.dumps({'images': f'{work}/a.png', 'conversations': turns})
    edit = Editor(config).submit(Sample(text=text, index=0, name='sample_0')).result().edit
    return {'status': edit['status'], 'error': edit['error'], 'files': [image['sha256'] for image in edit['images']]}


def run_job(folder, turns):
    with open(f'{folder}.jsonl', 'w') as rows:
        rows.write(json.dumps({'images': f'{work}/a.png', 'conversations': turns}))
    log = io.StringIO()
    with contextlib.redirect_stderr(log), contextlib.redirect_stdout(io.StringIO()):
        try:
            flags = f'--input={folder}.jsonl', f'--cache_path={folder}', f'--api_format={api_format}', '--report=off'
            flags = *flags, '--progress=off'
            code = main(flags)
        except SystemExit as end:
            code = end.code
    return {'code': code, 'log': log.getvalue()}


def in_a_child(do, folder, turns, moment=0, fault=''):
    reader, writer = os.pipe()
    if not os.fork():
        count = strike_at(folder, moment, fault) if fault else lambda: 0
        try:
            told = do(folder, turns)
        except BaseException:
            told = {'code': None, 'log': traceback.format_exc()}
        os.write(writer, json.dumps({**told, 'operations': count()}).encode())
        os._exit(0)
    os.close(writer)
    with open(reader, 'rb') as pipe:
        told = pipe.read()
    os.wait()
    return json.loads(told) if told else {'status': 'crashed', 'operations': moment}


print('ready', flush=True)
for line in sys.stdin:
    order = json.loads(line)
    do = run_job if order['is_job'] else edit_row
    told = in_a_child(do, order['folder'], order['turns'], order.get('moment', 0), order.get('fault', ''))
    print(json.dumps(told), flush=True)
"""


@pytest.fixture(scope='module')
def emulator():
    with Emulator(pixels='64x64') as running:
        yield running


@pytest.fixture
def api_format():
    return 'gemini'


@pytest.fixture
def tell(emulator, tmp_path, api_format):
    """Gives an order to a process that carries it out in a fork."""
    Image.new('RGB', (64, 64), 'orange').save(tmp_path / 'a.png')
    command = [sys.executable, '-c', DRIVER, str(tmp_path), emulator.url, api_format]
    pipes = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE, 'stderr': subprocess.DEVNULL, 'text': True}
    with subprocess.Popen(command, **pipes) as driver:
        assert driver.stdout.readline() == 'ready\n'

        def order(folder, turns, moment=0, fault='', is_job=False):
            told = {'folder': str(folder), 'turns': turns, 'moment': moment, 'fault': fault, 'is_job': is_job}
            driver.stdin.write(f'{json.dumps(told)}\n')
            driver.stdin.flush()
            return json.loads(driver.stdout.readline())

        emulator.reset()
        yield order
        driver.stdin.close()


def until_none_is_struck(strike):
    """What comes of a fault at the first operation, at the second …, as long as there are so many."""
    for moment in count(1):
        struck = strike(moment)
        if struck['operations'] < moment:
            return
        yield moment, struck


def calls_of(emulator, instructions):
    return Counter(call.prompt for call in emulator.calls if call.prompt in instructions)


def images_in(folder):
    return sorted(path.stem for path in folder.glob('sample_*/*'))


@pytest.mark.parametrize(
    ('fault', 'api_format', 'turns'),
    [
        ('once', 'openai', ['Mirror it', 'Invert it']),
        ('for ever', 'openai', ['Blur it']),
        ('for ever', 'gemini', ['Mirror it', 'Invert it']),
        ('crash', 'gemini', ['Blur it']),
        ('crash', 'openai', ['Mirror it', 'Invert it']),
    ],
    ids=lambda value: str(len(value)) if isinstance(value, list) else value,
)
def test_a_row_is_edited_in_the_end_wherever_a_fault_strikes(tell, emulator, tmp_path, fault, turns):
    def own(moment):
        return tmp_path / str(moment), [f'{turn} {moment} times' for turn in turns]

    moments = 0
    for moment, struck in until_none_is_struck(lambda moment: tell(*own(moment), moment, fault)):
        moments += 1
        folder, instructions = own(moment)
        before = calls_of(emulator, instructions)
        after = struck if fault == 'once' else tell(folder, instructions)
        calls = calls_of(emulator, instructions)
        assert after['status'] == 'edited', (struck, after)
        assert images_in(folder) == [f'sample_0_{turn}' for turn in range(len(turns))], (struck, after)
        assert calls.total() <= len(turns) + (fault != 'once'), (struck, calls)
        if struck['status'] == 'failed':
            # What was stored is not paid for again, and what is paid for again was said to be lost.
            assert ('it was paid for, but could not be stored' in struck['error']) == any(
                calls[instruction] > before[instruction] for instruction in before
            ), struck
    assert moments > 20


def test_a_job_whose_store_fails_says_so_in_one_line_and_a_rerun_mends_it(tell, emulator, tmp_path):
    folder = tmp_path / 'out'
    assert tell(folder, ['Blur it'], is_job=True)['code'] == 0
    before = {path: path.read_bytes() for path in folder.glob('manifest.*')}
    moments = 0
    for _, struck in until_none_is_struck(lambda moment: tell(folder, ['Blur it'], moment, 'for ever', is_job=True)):
        moments += 1
        errors = [line for line in struck['log'].splitlines() if ' INFO ' not in line and ' WARNING ' not in line]
        assert struck['code'] in (0, 1, 2, 3), struck
        assert len(errors) == (struck['code'] in (1, 2)), struck
        assert {path: path.read_bytes() for path in folder.glob('manifest.*')} == before
    assert tell(folder, ['Blur it'], is_job=True)['code'] == 0
    assert {path: path.read_bytes() for path in folder.glob('manifest.*')} == before
    assert emulator.count == 1
    assert moments > 15
