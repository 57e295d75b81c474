"""The server: its life, its load, its journal, its command."""

import asyncio
import base64
import io
import json
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import pytest
import requests
from PIL import Image

from beam_image_edit.pipeline.emulator import Emulator
from beam_image_edit.pipeline.emulator.settings import Settings
from tests.waiting import wait_until


def hold_open(url, count, body):
    """Sends many calls at once, and gives their statuses."""

    async def send_all():
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, headers={'x-goog-api-key': 'k'}) as session:

            async def send():
                async with session.post(url, json=body) as answer:
                    await answer.read()
                    return answer.status

            return await asyncio.gather(*(send() for _ in range(count)))

    return asyncio.run(send_all())


def test_hundreds_of_calls_are_held_open():
    body = {'contents': [{'role': 'user', 'parts': [{'text': 'draw a house'}]}]}
    with Emulator(fast=True) as emulator, ThreadPoolExecutor(1) as sender:
        emulator.hold()
        url = f'{emulator.url}/v1beta/models/gemini-3-pro-image:generateContent'
        statuses = sender.submit(hold_open, url, 400, body)
        wait_until(lambda: emulator.in_flight == 400)
        emulator.release()
        assert set(statuses.result()) == {200}
    assert emulator.most_in_flight == 400


def test_latency_includes_the_work(wire_to):
    with Emulator(latency_s=0.3) as emulator:
        wire_to(emulator.url).edit()
    call = emulator.calls[0]
    assert 0.3 <= call.finished_s - call.started_s < 0.45


def test_tail_is_a_share_of_the_calls():
    with Emulator(latency_s=0.0, latency_tail='0.5:0.3', fast=True) as emulator:
        body = {'contents': [{'parts': [{'text': 'x'}]}]}
        hold_open(f'{emulator.url}/v1beta/models/gemini-3-pro-image:generateContent', 60, body)
    slow = sum(call.finished_s - call.started_s >= 0.3 for call in emulator.calls)
    assert 15 < slow < 45


def test_calls_in_flight_end_with_the_server():
    with Emulator(latency_s=60) as emulator:
        body = {'contents': [{'parts': [{'text': 'x'}]}]}
        url = f'{emulator.url}/v1beta/models/gemini-3-pro-image:generateContent'

        def send():
            with pytest.raises(requests.RequestException):
                requests.post(url, json=body, headers={'x-goog-api-key': 'k'}, timeout=30)

        client = threading.Thread(target=send)
        client.start()
        wait_until(lambda: emulator.calls and emulator.calls[0].prompt)
        began = time.monotonic()
    client.join()
    assert time.monotonic() - began < 25  # of the 60 that the answer takes
    assert emulator.billed == 0


def test_answers_are_held_until_they_are_released(emulator, wire):
    emulator.hold()
    client = threading.Thread(target=wire.edit)
    client.start()
    wait_until(lambda: emulator.calls and emulator.calls[0].prompt)
    assert (emulator.count, emulator.in_flight, emulator.billed) == (1, 1, 0)
    emulator.release()
    client.join()
    assert (emulator.count, emulator.in_flight, emulator.billed) == (1, 0, 1)


def test_fixed_size_is_the_size_of_all_pictures(wire_to):
    with Emulator(pixels='320x200', image_bytes=200_000) as emulator:
        answer = wire_to(emulator.url).edit(size='1024x1024').json()
    content = base64.b64decode(answer['data'][0]['b64_json'])
    assert Image.open(io.BytesIO(content)).size == (320, 200)
    assert len(content) == 200_000


def test_fast_answers_are_ready_made(wire_to):
    with Emulator(fast=True, pixels='64x48', image_bytes=50_000) as emulator:
        wire = wire_to(emulator.url)
        answers = [wire.generate(prompt).content for prompt in ('red', 'blue')]
        assert wire.edit('x', [('image', ('a.png', b'no image', 'image/png'))]).status_code == 200
    assert answers[0] == answers[1]
    assert len(answers[0]) > 50_000 * 4 / 3
    assert [call.prompt for call in emulator.calls] == ['red', 'blue', 'x']
    assert emulator.billed == 3


def test_fast_conversation_goes_on(wire_to):
    with Emulator(fast=True) as emulator:
        wire = wire_to(emulator.url)
        first = {'role': 'user', 'parts': [{'text': 'draw a house'}]}
        answer = wire.generate(contents=[first]).json()['candidates'][0]['content']
        second = {'role': 'user', 'parts': [{'text': 'blur it'}]}
        assert wire.generate(contents=[first, answer, second]).status_code == 200


def test_signatures_are_good_after_a_restart(wire_to):
    first, second = ({'role': 'user', 'parts': [{'text': text}]} for text in ('draw a house', 'blur it'))
    with Emulator() as emulator:
        answer = wire_to(emulator.url).generate(contents=[first]).json()['candidates'][0]['content']
    with Emulator() as emulator:
        assert wire_to(emulator.url).generate(contents=[first, answer, second]).status_code == 200


def test_journal_holds_no_key(emulator, wire):
    wire.generate()
    wire.edit()
    requests.get(f'{emulator.url}/v1beta/models/gemini-3-pro-image?key=key-of-a-test', timeout=10)
    journal = requests.get(f'{emulator.url}/_emulator/calls', timeout=10)
    assert 'key-of-a-test' not in journal.text
    assert [call['key_in'] for call in journal.json()['calls']] == ['header', 'header']
    assert journal.json()['visits'][0]['key_in'] == 'query'


def test_journal_counts_calls_and_what_they_cost(emulator, wire):
    wire.edit(size='1024x1024', quality='low')
    wire.edit(seed='1')
    journal = requests.get(f'{emulator.url}/_emulator/calls', timeout=10).json()
    assert (journal['count'], journal['billed'], journal['in_flight']) == (2, 1, 0)
    assert journal['per_path'] == {'/v1/images/edits': 2}
    assert journal['calls'][0]['tokens']['image_output'] == 272
    assert 'Unknown parameter' in journal['calls'][1]['error']


def test_faults_are_replaced_over_http(emulator, wire):
    answer = requests.post(f'{emulator.url}/_emulator/faults', json=[{'fault': 'internal'}], timeout=10)
    assert answer.status_code == 200
    assert wire.edit().status_code == 500
    refused = requests.post(f'{emulator.url}/_emulator/faults', json=[{'fault': 'fire'}], timeout=10)
    assert refused.status_code == 400
    assert 'unknown fault' in refused.json()['error']


def test_reset_forgets_calls_and_starts_faults_anew(emulator, wire):
    emulator.set_faults([{'fault': 'internal'}])
    assert [wire.edit().status_code for _ in range(2)] == [500, 200]
    requests.post(f'{emulator.url}/_emulator/reset', timeout=10)
    assert emulator.count == 0
    assert wire.edit().status_code == 500


def test_port_that_is_taken_is_an_error(emulator):
    with pytest.raises(OSError), Emulator(port=emulator.port):
        pass


@pytest.mark.parametrize(
    'settings', [{'pixels': '10'}, {'pixels': '0x5'}, {'latency_tail': '0.1'}, {'latency_tail': 'a:b'}], ids=str
)
def test_setting_that_makes_no_sense_is_refused(settings):
    with pytest.raises(ValueError, match='must look like'):
        Settings(**settings)


@pytest.fixture
def start():
    processes = []

    def start_process(*flags):
        command = [sys.executable, '-m', 'beam_image_edit.pipeline.emulator', *flags]
        processes.append(
            subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                # In the background of a script, tests ignore interrupts, and so would what they start.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )
        )
        return processes[-1]

    yield start_process
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT], ids=['SIGTERM', 'SIGINT'])
def test_command_serves_until_a_signal_comes(start, wire_to, number):
    faults = json.dumps([{'fault': 'overloaded'}])
    process = start('--port', '0', '--faults', faults, '--api_key', 'key-of-a-test')
    line = process.stdout.readline()
    assert line.startswith('listening on http://127.0.0.1:')
    wire = wire_to(line.split()[-1])
    assert [wire.edit().status_code for _ in range(2)] == [503, 200]
    process.send_signal(number)
    assert process.wait(timeout=10) == 0
    assert process.stdout.read() + process.stderr.read() == ''


@pytest.mark.parametrize(
    'flags',
    [['--faults', '[{"fault": "fire"}]'], ['--pixels', 'big'], ['--unknown', '1']],
    ids=['fault', 'size', 'flag'],
)
def test_command_refuses_flags_that_make_no_sense(start, flags):
    process = start('--port', '0', *flags)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert 'Traceback' not in errors
