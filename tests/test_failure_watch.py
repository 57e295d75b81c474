"""When too large a share of failures stops a job."""

import pytest

from beam_image_edit.transforms.failure_watch import FailureWatch
from beam_image_edit.transforms.manifest import blank_edit
from beam_image_edit.transforms.outcomes import Outcome


def outcome(status, calls=1):
    return Outcome('{}', 0, 'sample_0', (), blank_edit(status, 'why'), {'calls': calls})


def watch(share, *outcomes):
    reasons = []
    watching = FailureWatch(share, reasons.append)
    for one in outcomes:
        watching.note(one)
    return reasons


EDITED, FAILED = outcome('edited'), outcome('failed')


@pytest.mark.parametrize(
    ('share', 'outcomes', 'is_stopped'),
    [
        (0.5, [FAILED] * 19, False),
        (0.5, [FAILED] * 20, True),
        (0.5, [EDITED, FAILED] * 50, False),
        (0.5, [*[EDITED, FAILED] * 10, FAILED], True),
        (0, [*[EDITED] * 30, outcome('refused')], True),
        (0, [*[EDITED] * 30, outcome('invalid_input', calls=0)], False),
        (0, [outcome('refused', calls=0)] * 100, False),
        (0, [*[EDITED] * 30, outcome('stopped')], False),
        (1, [FAILED] * 100, False),
        (None, [FAILED] * 100, False),
    ],
)
def test_share(share, outcomes, is_stopped):
    assert bool(watch(share, *outcomes)) is is_stopped


def test_reason_is_told_once():
    (reason,) = watch(0.25, *[FAILED] * 40)
    assert '20 of 20 rows' in reason
    assert '--max_failure_share 0.25' in reason
    assert reason.endswith('the last one: failed: why')
