"""A budget on a cluster: its workers, in processes of their own, together buy what it allows, and not a call more."""

from collections import Counter

import pytest

from tests.engines.engines import ENGINES, WORKERS
from tests.engines.jobs import Job, most_in_flight
from tests.engines.rows import write_plain_rows

ROWS = 40
MAX_IN_FLIGHT = 4
PRICE = '--price_per_image=0.039'


@pytest.fixture(params=['Flink cluster', 'Spark cluster'])
def engine(request, tmp_path):
    with ENGINES[request.param](tmp_path) as running:
        yield running


def test_workers_together_buy_what_the_budget_allows_and_a_raised_one_the_rest(engine, slow_api, tmp_path):
    slow_api.reset()
    # Half of the rows are in each file, so that the first budget reaches into the work of both workers.
    source = write_plain_rows(tmp_path, ROWS, files=WORKERS)
    flags = (PRICE, f'--max_in_flight={MAX_IN_FLIGHT}', *engine.flags)
    for usd, bought in ((1.10, 28), (1.60, ROWS)):
        with Job(tmp_path, slow_api, source, f'--max_cost_usd={usd}', *flags) as job:
            code = job.wait()
        assert code == (0 if bought == ROWS else 1), job.log[-3000:]
        assert [row['edit']['status'] for row in job.rows] == ['edited'] * bought + ['stopped'] * (ROWS - bought)
        times_sent = Counter(call.prompt for call in slow_api.calls)
        assert (len(times_sent), times_sent.total()) == (bought, bought)
        # More at once than one worker may have.
        assert most_in_flight(slow_api.calls) > MAX_IN_FLIGHT
