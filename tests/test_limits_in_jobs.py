"""Limits in whole jobs: told ones are kept, unknown ones are found, and no row is lost to either."""

from concurrent.futures import ThreadPoolExecutor
from random import Random

import grpc
import pytest
from apache_beam.io.components import rate_limit_pb2

from beam_image_edit.pipeline.emulator import Emulator


def rows(count):
    return [{'images': 'a.png', 'conversations': [f'Blur it {number} times']} for number in range(count)]


@pytest.fixture(scope='module')
def emulator():
    with Emulator(pixels='32x32', fast=True) as running:
        yield running


@pytest.fixture(autouse=True)
def _forgotten(emulator):
    emulator.reset()
    yield
    emulator.set_faults([])


@pytest.mark.parametrize(
    ('count', 'flags'),
    [(60, ()), (300, ('--direct_num_workers=2', '--direct_running_mode=multi_processing'))],
    ids=['one process', 'two processes'],
)
def test_told_limit_holds_for_the_whole_job(edit, emulator, count, flags):
    run = edit(rows(count), '--requests_per_minute=3000', *flags)
    assert run.statuses == ['edited'] * count
    begun = sorted(call.started_s for call in emulator.calls)
    # On a busy machine the first calls may arrive late.
    assert begun[-1] - begun[0] >= 0.8 * (count - 2) * 60 / 3000


def test_told_limit_of_images_counts_images(edit, emulator):
    asked = [{'images': 'a.png', 'conversations': ['Blur it'], 'n': 4, 'variant': number} for number in range(10)]
    run = edit(asked, '--api_format=openai', '--images_per_minute=2400')
    assert run.statuses == ['edited'] * 10
    begun = sorted(call.started_s for call in emulator.calls)
    assert len(begun) == 10
    # Four images take four places; the first two calls may come at once.
    assert begun[-1] - begun[0] >= 0.8 * 8 * 4 * 60 / 2400


def test_limits_leave_no_file_behind(edit, tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'temporary'))
    (tmp_path / 'temporary').mkdir()
    edit(rows(3), '--requests_per_minute=6000')
    assert not list((tmp_path / 'temporary').glob('beam-image-edit-*'))


def test_quota_that_lasts_longer_than_all_tries_loses_no_row(edit, emulator):
    emulator.set_faults([{'match': {'call': [1, 30]}, 'fault': 'rate_limit', 'times': None, 'retry_after_s': 0.05}])
    run = edit(rows(12), '--max_attempts=1', '--max_in_flight=4')
    assert run.statuses == ['edited'] * 12
    assert emulator.count == 42


def test_calls_turned_away_by_chance_are_all_made_in_the_end(edit, emulator):
    refused = Random(1).sample(range(1, 30), 8)
    emulator.set_faults(
        [{'match': {'call': number}, 'fault': 'rate_limit', 'times': None, 'retry_after_s': 0.05} for number in refused]
    )
    run = edit(rows(30), '--max_attempts=1')
    assert run.statuses == ['edited'] * 30
    assert emulator.count == 38


def test_cap_that_nobody_told_is_kept_to(edit, photos):
    with Emulator(pixels='32x32', fast=True, latency_s=0.1, max_concurrent=4) as capped:
        run = edit(rows(120), '--max_in_flight=16', base_url=capped.url)
        refused = sum(call.status == 429 for call in capped.calls)
    assert run.statuses == ['edited'] * 120
    assert refused <= 40


def test_row_that_is_always_turned_away_fails_alone(edit, emulator):
    emulator.set_faults([{'match': 'it 3 times', 'fault': 'rate_limit', 'times': None}])
    run = edit(rows(12))
    assert [number for number, status in enumerate(run.statuses) if status != 'edited'] == [3]
    assert 'turned away again and again' in run.rows[3]['edit']['error']


def test_row_that_is_told_to_wait_holds_up_no_others(edit, emulator):
    emulator.set_faults([{'match': 'it 3 times', 'fault': 'rate_limit', 'times': 1, 'retry_after_s': 5}])
    run = edit(rows(30), '--max_in_flight=3')
    assert run.statuses == ['edited'] * 30
    told, *_, last = [call for call in emulator.calls if call.prompt == 'Blur it 3 times']
    assert last.started_s - told.started_s >= 5
    others = [call.started_s for call in emulator.calls if call.prompt != 'Blur it 3 times']
    assert len(others) == 29
    assert max(others) < last.started_s


class RateLimits(grpc.GenericRpcHandler):
    """A service that speaks Envoy's protocol: it refuses every third time that it is asked, for 50 ms."""

    def __init__(self):
        self.asked = []

    def service(self, details):
        assert details.method == '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit'
        return grpc.unary_unary_rpc_method_handler(
            self.answer,
            request_deserializer=rate_limit_pb2.RateLimitRequest.FromString,
            response_serializer=rate_limit_pb2.RateLimitResponse.SerializeToString,
        )

    def answer(self, request, _context):
        self.asked.append(request)
        response = rate_limit_pb2.RateLimitResponse(overall_code=rate_limit_pb2.RateLimitResponse.OK)
        if len(self.asked) % 3 == 0:
            response.overall_code = rate_limit_pb2.RateLimitResponse.OVER_LIMIT
            status = response.statuses.add(code=rate_limit_pb2.RateLimitResponse.OVER_LIMIT)
            status.duration_until_reset.FromMilliseconds(50)
        return response


@pytest.fixture
def service():
    limits = RateLimits()
    with ThreadPoolExecutor(4) as threads:
        server = grpc.server(threads, handlers=[limits])
        limits.port = server.add_insecure_port('127.0.0.1:0')
        server.start()
        yield limits
        server.stop(None).wait()


def test_service_is_asked_before_each_call(edit, emulator, service):
    run = edit(rows(9), f'--rate_limit_service=127.0.0.1:{service.port}', '--model_name=gemini-3-pro-image')
    assert run.statuses == ['edited'] * 9
    assert emulator.count == 9
    assert len(service.asked) == 9 + len(service.asked) // 3
    request = service.asked[0]
    entry = request.descriptors[0].entries[0]
    assert (request.domain, entry.key, entry.value) == ('beam-image-edit', 'model', 'gemini-3-pro-image')
    assert request.hits_addend == 1
