"""One call at the ledger, as the ledger's tests make it: claimed, lost in a crash, or ended with a record."""

from beam_image_edit.transforms import ledger as ledger_module
from beam_image_edit.transforms.claims import Claim
from beam_image_edit.transforms.records import Attempt, Record

KEY = 'ab' * 32
LOST = 'its worker died with the call in flight'
GIVEN_UP = 'its worker gave up before the outcome was stored'


def claimed(ledger):
    claim = ledger.claim(KEY)
    assert isinstance(claim, Claim)
    return claim


def crash(claim):
    """What is left of a claim when its work vanishes from this process."""
    ledger_module._live_tokens.discard(claim.intent.token)


def record_of(claim, status='edited', billed='yes', error=None, run_id='run'):
    attempts = (*claim.earlier, Attempt(claim.number, run_id, billed, error))
    return Record(claim.key, status, error, 'sample_0', run_id, 'gemini', 'a-model', attempts=attempts)


def intent_path(number):
    return f'ledger/ab/{KEY}.intent-{number}.json'
