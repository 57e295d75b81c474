"""What every fault comes to: how a row ends that meets it once, and one that meets it with every call."""

from dataclasses import dataclass
from typing import Any
from unittest.mock import ANY

import pytest


@dataclass(frozen=True)
class Ending:
    """How a row ends: its status, the calls made for it, and those sent though the one before may have been billed."""

    status: str
    calls: int
    doubled: int = 0


@dataclass(frozen=True)
class Kind:
    """How a fault ends a row that meets it once, and one that meets it always."""

    once: Ending
    always: Ending


CLEAN = Kind(Ending('edited', 2), Ending('failed', 5))
# Calls wait for a quota, however long; but of these others show that it is no quota that turns them away.
QUOTA = Kind(Ending('edited', 2), Ending('failed', ANY))
LOST = Kind(Ending('edited', 2, 1), Ending('in_doubt', 2, 1))
BROKEN = Kind(Ending('edited', 2, 1), Ending('failed', 2, 1))
WORDS = Kind(Ending('edited', 2), Ending('no_image', 2))
REFUSED = Kind(Ending('refused', 1), Ending('refused', 1))
PERMANENT = Kind(Ending('failed', 1), Ending('failed', 1))
HARMLESS = Kind(Ending('edited', 1), Ending('edited', 1))
FATAL = Kind(Ending('failed', 1), Ending('failed', 1))
# The row's alone, unless others get the like: a proxy wrote it.
DOUBTFUL = Kind(Ending('failed', 1), Ending('failed', 1))


@dataclass(frozen=True, eq=False)
class Case:
    """A fault and what it comes to; a patient one needs calls that wait no longer than seconds."""

    kind: Kind
    rule: dict[str, Any]
    is_patient: bool = False

    def __str__(self):
        return '-'.join(str(value)[:40] for value in self.rule.values()).replace(' ', '_')


# With the API's own error inside, and without: then it is a proxy that speaks, which may have lost a good answer.
OWN_BODIES, OTHER_BODIES = ('real', 'list', 'litellm'), ('html', 'fastapi', 'empty')
STATUSES = {
    **dict.fromkeys((400, 413, 422), PERMANENT),
    **dict.fromkeys((401, 402, 403, 404), FATAL),
    451: REFUSED,
    **dict.fromkeys((408, 409, 425, 499, 500, 502, 503, 529), CLEAN),
    429: QUOTA,
    **dict.fromkeys((504, 520, 524), LOST),
}


def kind_of(status, body):
    """How a status ends with such a body: a page or nothing says that a proxy wrote it, whatever the status."""
    kind = STATUSES[status]
    if kind is LOST and body in OWN_BODIES:
        return CLEAN
    if kind is FATAL and body in OTHER_BODIES:
        return DOUBTFUL
    return LOST if status >= 500 and body in ('html', 'empty') else kind


def case(kind, fault, is_patient=False, **arguments):
    return Case(kind, {'fault': fault, **arguments}, is_patient)


BOTH = [
    *(
        case(kind_of(status, body), 'status', status=status, body=body)
        for status in STATUSES
        for body in (*OWN_BODIES, *OTHER_BODIES)
    ),
    case(CLEAN, 'status', status=500, when='after_work'),
    case(QUOTA, 'status', status=429, retry_after_s=0),
    case(PERMANENT, 'status', status=404, message='Cannot POST /v1beta/models'),
    case(QUOTA, 'rate_limit', retry_after_s=0),
    case(QUOTA, 'rate_limit', retry_after_s=0, when='after_work'),
    case(QUOTA, 'rate_limit', retry_after_s=0, message='Too many of them. Please retry in 0.1s.'),
    *(
        case(CLEAN, fault, **arguments)
        for fault in ('overloaded', 'internal')
        for arguments in ({}, {'when': 'after_work'}, {'message': 'Come back later.'})
    ),
    case(FATAL, 'daily_quota'),
    case(FATAL, 'daily_quota', message='Quota of images per day is reached.'),
    case(FATAL, 'wrong_key'),
    case(FATAL, 'billing'),
    case(FATAL, 'billing', status=402),
    case(FATAL, 'billing', message='Nothing is left.', status=402),
    case(FATAL, 'model_gone'),
    case(PERMANENT, 'echo_key'),
    case(CLEAN, 'echo_key', status=500),
    case(FATAL, 'echo_key', status=401),
    case(REFUSED, 'refused'),
    case(REFUSED, 'refused', message='This was rejected as a result of our safety system.'),
    case(LOST, 'reset'),
    case(LOST, 'reset', when='after_work'),
    case(LOST, 'hang', is_patient=True),
    case(LOST, 'hang', when='after_work', is_patient=True),
    case(LOST, 'slow', seconds=20, is_patient=True),
    case(HARMLESS, 'slow', seconds=0.1),
    case(LOST, 'truncated'),
    case(LOST, 'malformed'),
    case(WORDS, 'no_image'),
    case(WORDS, 'empty_data'),
    case(HARMLESS, 'several_images'),
    case(HARMLESS, 'several_images', count=3),
    case(BROKEN, 'corrupt_image'),
    case(HARMLESS, 'data_url'),
    case(HARMLESS, 'url'),
]
BLOCKS = ('SAFETY', 'OTHER', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'IMAGE_SAFETY', 'MODEL_ARMOR', 'JAILBREAK', 'NEW_ONE')
FINISHES = {
    **dict.fromkeys(('IMAGE_SAFETY', 'IMAGE_PROHIBITED_CONTENT', 'IMAGE_RECITATION', 'SAFETY', 'RECITATION'), REFUSED),
    **dict.fromkeys(('PROHIBITED_CONTENT', 'BLOCKLIST', 'SPII', 'LANGUAGE', 'ESCALATION', 'MODEL_ARMOR'), REFUSED),
    **dict.fromkeys(('STOP', 'NO_IMAGE', 'IMAGE_OTHER', 'OTHER', 'MALFORMED_RESPONSE', 'NEW_ONE'), WORDS),
    **dict.fromkeys(('MAX_TOKENS', 'MISSING_THOUGHT_SIGNATURE', 'MALFORMED_FUNCTION_CALL', 'CONTINUATION'), PERMANENT),
    **dict.fromkeys(('UNEXPECTED_TOOL_CALL', 'TOO_MANY_TOOL_CALLS'), PERMANENT),
    'PUP_LIMITED_DISABLED': FATAL,
}
CREDIT = (
    *('insufficient_quota', 'credit_balance_exhausted', 'organization_spend_limit_exceeded'),
    *('project_spend_limit_exceeded', 'organization_usage_limit_exceeded', 'billing_hard_limit_reached'),
)
CASES = {
    'gemini': [
        *BOTH,
        *(case(REFUSED, 'refused', stage='input', reason=reason) for reason in BLOCKS),
        *(case(kind, 'refused', stage='output', reason=reason) for reason, kind in FINISHES.items()),
        *(case(kind, 'no_image', reason=reason, text='') for reason, kind in FINISHES.items()),
        case(FATAL, 'billing', status=429),
        case(WORDS, 'thought_only'),
        case(HARMLESS, 'missing_signature'),
    ],
    'openai': [
        *BOTH,
        *(case(REFUSED, 'refused', reason=reason) for reason in ('sexual', 'violence', 'self-harm')),
        *(case(FATAL, 'billing', code=code) for code in CREDIT),
        case(FATAL, 'org_not_verified'),
        case(FATAL, 'org_not_verified', message='The organization must be verified.'),
    ],
}


def each_case(is_wanted):
    """Parametrizes a test with the formats and their cases."""
    return pytest.mark.parametrize(
        ('api_format', 'case'),
        [
            pytest.param(api_format, case, id=f'{api_format}-{case}')
            for api_format, cases in CASES.items()
            for case in cases
            if is_wanted(case)
        ],
    )
