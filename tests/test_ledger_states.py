"""The ledger and the image files under every order of events, with crashes between any two writes."""

import hashlib
import uuid
from collections import defaultdict
from dataclasses import dataclass, field, replace

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from beam_image_edit.transforms import ledger as ledger_module
from beam_image_edit.transforms.claims import Busy, Claim
from beam_image_edit.transforms.errors import StorageError
from beam_image_edit.transforms.image_files import store_images
from beam_image_edit.transforms.ledger import Ledger, is_open
from beam_image_edit.transforms.pictures import PictureInfo
from beam_image_edit.transforms.records import Attempt, Record
from tests.faulty_storage import Crash, FaultyStorage

# Their names differ in case alone or not at all, and the second turn's image has the number of a first turn's second.
CALLS = {'0a' * 32: ('sample_a', 0), '1b' * 32: ('sample_A', 0), '2c' * 32: ('sample_a', 1), '3d' * 32: ('sample_b', 0)}
FOREIGN = [f'{name}/{name}_{number}.png' for name in ('sample_a', 'sample_b') for number in (0, 1)]
KEYS = st.sampled_from(sorted(CALLS))
IMAGES = st.lists(st.tuples(st.binary(min_size=1, max_size=4), st.sampled_from(['png', 'jpg'])), min_size=1, max_size=3)
FAILURES = st.sampled_from(['failed', 'in_doubt', 'refused'])
FAULTS = st.sampled_from(['crash', 'store fails'])


@dataclass
class Work:
    """A call in flight: its claim, who has it, and what it brought."""

    claim: Claim
    ledger: Ledger
    run_id: str
    images: list | None = None


@dataclass
class History:
    """What must be known of one call."""

    attempts: list[Attempt] = field(default_factory=list)
    record: Record | None = None
    answers_without_a_crash_since: int = 0


class Purchases(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.storage = FaultyStorage(f'memory://{uuid.uuid4().hex}')
        self.runs = 0
        self.begin_run()
        self.works = {}
        self.histories = defaultdict(History)
        self.settled_images = {}
        self.foreign = {}

    @initialize(paths=st.sets(st.sampled_from(FOREIGN), max_size=2))
    def put_images_of_another_tool(self, paths):
        for path in paths:
            self.storage.write(path, b'foreign')
            self.foreign[path] = b'foreign'

    @rule()
    def begin_run(self):
        self.runs += 1
        self.run_id = f'run-{self.runs}'
        self.ledger = Ledger(self.storage, self.run_id, 30)

    @rule(key=KEYS)
    def claim(self, key):
        history = self.histories[key]
        answer = self.ledger.claim(key)
        if history.record and not is_open(history.record, self.run_id):
            assert answer == history.record
        elif key in self.works:
            assert answer == Busy()
        else:
            assert isinstance(answer, Claim)
            assert answer.earlier == tuple(history.attempts)
            assert answer.number == len(history.attempts) + 1
            history.attempts.append(
                Attempt(answer.number, self.run_id, 'maybe', 'its worker died with the call in flight')
            )
            self.works[key] = Work(answer, self.ledger, self.run_id)

    @precondition(lambda self: any(work.images is None for work in self.works.values()))
    @rule(pick=st.data(), images=IMAGES)
    def answer(self, pick, images):
        key = self._pick(pick, answered=False)
        history = self.histories[key]
        history.answers_without_a_crash_since += 1
        assert history.answers_without_a_crash_since == 1
        assert not (history.record and history.record.status == 'edited')
        self.works[key].images = images

    @precondition(lambda self: any(work.images for work in self.works.values()))
    @rule(pick=st.data(), fault=FAULTS, writes=st.none() | st.integers(0, 12))
    def keep(self, pick, fault, writes):
        """Stores images and record, in one go or with a fault at any write; after a mere failure it is tried again."""
        key = self._pick(pick, answered=True)
        work = self.works[key]
        name, first = CALLS[key]
        images = [(content, PictureInfo('PNG', 'image/png', extension, 1, 1)) for content, extension in work.images]
        self._will_fail(fault, writes)
        try:
            stored = store_images(self.storage, key, name, first, images)
            attempt = Attempt(work.claim.number, work.run_id, 'yes')
            record = self._record(work, 'edited', attempt)
            record = replace(record, images=stored)
            work.ledger.settle(record, work.claim)
        except Crash:
            self._forget(key)
        except StorageError:
            pass
        else:
            self.storage.left = None
            self._end(key, record)
            self.settled_images |= {
                image.path: content for image, (content, _) in zip(stored, work.images, strict=True)
            }

    @precondition(lambda self: any(work.images is None for work in self.works.values()))
    @rule(pick=st.data(), billed=st.sampled_from(['no', 'maybe']), fault=FAULTS, is_crashing=st.booleans())
    def fail_and_retry(self, pick, billed, fault, is_crashing):
        key = self._pick(pick, answered=False)
        work, history = self.works[key], self.histories[key]
        self._will_fail(fault, 0 if is_crashing else None)
        try:
            work.ledger.release(work.claim, billed, 'HTTP 503')
        except Crash:
            self._forget(key)
        except StorageError:
            pass
        else:
            history.attempts[-1] = replace(history.attempts[-1], billed=billed, error='HTTP 503')
            del self.works[key]

    @precondition(lambda self: any(work.images is None for work in self.works.values()))
    @rule(
        pick=st.data(),
        status=FAILURES,
        fault=FAULTS,
        is_crashing=st.booleans(),
    )
    def fail_for_good(self, pick, status, fault, is_crashing):
        key = self._pick(pick, answered=False)
        work = self.works[key]
        attempt = Attempt(work.claim.number, work.run_id, 'maybe' if status == 'in_doubt' else 'no', 'HTTP 400')
        record = self._record(work, status, attempt)
        self._will_fail(fault, 0 if is_crashing else None)
        try:
            work.ledger.settle(record, work.claim)
        except Crash:
            self._forget(key)
        except StorageError:
            pass
        else:
            self._end(key, record)

    @precondition(lambda self: self.works)
    @rule(pick=st.data())
    def crash(self, pick):
        self._forget(pick.draw(st.sampled_from(sorted(self.works))))

    @precondition(lambda self: self.works)
    @rule(pick=st.data())
    def give_up(self, pick):
        key = pick.draw(st.sampled_from(sorted(self.works)))
        work = self.works[key]
        work.ledger.abandon(work.claim)
        self._forget(key)
        attempts = self.histories[key].attempts
        attempts[-1] = replace(attempts[-1], error='its worker gave up before the outcome was stored')

    @invariant()
    def outcomes_are_found(self):
        for key, history in self.histories.items():
            assert self.ledger.find(key) == history.record

    @invariant()
    def attempts_are_numbered_without_a_gap(self):
        for key, history in self.histories.items():
            if history.record:
                numbers = [attempt.number for attempt in history.record.attempts]
                assert numbers == list(range(1, len(numbers) + 1))
            names = {name for name in self.storage.list(f'ledger/{key[:2]}') if 'intent' in name}
            assert names == {f'{key}.intent-{number + 1}.json' for number in range(len(history.attempts))}

    @invariant()
    def images_stay_as_they_are(self):
        for path, content in (self.settled_images | self.foreign).items():
            assert self.storage.read(path) == content
        for history in self.histories.values():
            for image in history.record.images if history.record else ():
                content = self.settled_images[image.path]
                assert (image.bytes, image.sha256) == (len(content), hashlib.sha256(content).hexdigest())

    def teardown(self):
        for key, history in sorted(self.histories.items()):
            if not (history.record and history.record.status == 'edited'):
                self.finish(key)
        assert self._image_paths() - self._left_in_other_folders() == set(self.settled_images) | set(self.foreign)
        for work in self.works.values():
            ledger_module._live_tokens.discard(work.claim.intent.token)

    def finish(self, key):
        """Buys a call after all crashes."""
        if key in self.works:
            self._forget(key)
        self.begin_run()
        if self.histories[key].record and self.histories[key].record.status == 'refused':
            return
        self.claim(key)
        work = self.works[key]
        name, first = CALLS[key]
        stored = store_images(self.storage, key, name, first, [(b'last', PictureInfo('PNG', 'image/png', 'png', 1, 1))])
        record = replace(self._record(work, 'edited', Attempt(work.claim.number, work.run_id, 'yes')), images=stored)
        work.ledger.settle(record, work.claim)
        self._end(key, record)
        self.settled_images[stored[0].path] = b'last'

    def _image_paths(self):
        prefix = f'/{self.storage.root.removeprefix("memory://")}/'
        paths = {path.removeprefix(prefix) for path in self.storage._fs.find(prefix)}
        return {path for path in paths if path.startswith('sample_')}

    def _left_in_other_folders(self):
        return {path for path in self._image_paths() if '-' in path} - set(self.settled_images)

    def _pick(self, pick, *, answered):
        return pick.draw(
            st.sampled_from(sorted(key for key, work in self.works.items() if bool(work.images) == answered))
        )

    def _will_fail(self, fault, writes):
        self.storage.left = writes
        self.storage.fault = Crash if fault == 'crash' else StorageError('the store fails')

    def _record(self, work, status, attempt):
        attempts = (*work.claim.earlier, attempt)
        error = None if status == 'edited' else attempt.error
        name = CALLS[work.claim.key][0]
        return Record(work.claim.key, status, error, name, work.run_id, 'gemini', 'a-model', attempts=attempts)

    def _forget(self, key):
        self.storage.left = None
        self.histories[key].answers_without_a_crash_since = 0
        ledger_module._live_tokens.discard(self.works.pop(key).claim.intent.token)

    def _end(self, key, record):
        history = self.histories[key]
        history.record = record
        history.attempts[-1] = record.attempts[-1]
        del self.works[key]


TestPurchases = Purchases.TestCase
TestPurchases.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
