"""Faults: what is to go wrong, and for which calls.

A rule is a JSON object: `{"match": "red", "fault": "rate_limit", "retry_after_s": 2}`. `match` is a part of the
prompt, or an object of `prompt`, `call` (a number, or the first and last of a range; calls are counted from 1) and
`share` (of the distinct prompts, picked by hash, so that the same ones are picked every time). `times` says how often
it happens to each distinct prompt: once, unless told otherwise; null: always. With `"per": "request"` the images
count too: a prompt with another image is another one. The first rule that matches is the one that happens;
one whose fault the API does not have (`missing_signature` at OpenAI) is passed over.
"""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beam_image_edit.pipeline.emulator.edits import Edit
from beam_image_edit.pipeline.emulator.refusals import BODIES

BEFORE_READING, BEFORE_WORK, AFTER_WORK = MOMENTS = ('before_reading', 'before_work', 'after_work')

# Every fault and the arguments it takes. `when` is the moment at which it strikes: after the work, the image has been
# made and is billed although nobody gets it.
FAULTS: Mapping[str, tuple[str, ...]] = {
    # answered with an error
    'status': ('status', 'body', 'message', 'retry_after_s', 'when'),
    'rate_limit': ('retry_after_s', 'message', 'when'),
    'daily_quota': ('message',),
    'overloaded': ('message', 'when'),
    'internal': ('message', 'when'),
    'wrong_key': (),
    'billing': ('status', 'code', 'message'),
    'model_gone': (),
    'org_not_verified': ('message',),
    'echo_key': ('status',),
    'refused': ('stage', 'reason', 'message'),
    # not answered as HTTP should be
    'reset': ('when',),
    'hang': ('when',),
    'slow': ('seconds',),
    'truncated': (),
    'malformed': (),
    # answered, but not with what was asked for
    'no_image': ('text', 'reason'),
    'thought_only': (),
    'empty_data': (),
    'missing_signature': (),
    'several_images': ('count',),
    'corrupt_image': (),
    'data_url': (),
    'url': (),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule: a fault and the calls it happens to.

    Attributes:
        name: one of FAULTS.
        prompt: a part of the prompt; '' is part of every prompt.
        first_call: the number of the first call it can happen to.
        last_call: the number of the last one; None: no last one.
        share: of the distinct prompts, 0 to 1.
        times: how often it happens to each distinct prompt; None: always.
        per: what is distinct: `prompt`, or `request`, for which the images count too.
        arguments: the fault's own, as in FAULTS.
    """

    name: str
    prompt: str = ''
    first_call: int = 1
    last_call: int | None = None
    share: float = 1.0
    times: int | None = 1
    per: str = 'prompt'
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def moment(self) -> str:
        """When it strikes: one of MOMENTS."""
        return str(self.arguments.get('when', BEFORE_WORK))

    def covers(self, number: int) -> bool:
        """Whether it can happen to the call of this number."""
        return self.first_call <= number and (self.last_call is None or number <= self.last_call)

    def subject(self, edit: Edit) -> str:
        """What `times` and `share` count: the prompt, or the prompt and its images."""
        images = [image.sha256 for image in edit.images] if self.per == 'request' else []
        return json.dumps([edit.prompt, *images])

    def draws(self, subject: str) -> bool:
        """Whether a subject is in the share, by its hash."""
        return int(hashlib.sha256(subject.encode()).hexdigest()[:8], 16) < self.share * 16**8


def parse_rules(rules: str | Iterable[Mapping[str, Any]]) -> tuple[Fault, ...]:
    """Reads rules: a list, JSON text, or the path of a JSON file.

    >>> parse_rules('[{"match": "red", "fault": "reset", "when": "after_work"}]')[0].moment
    'after_work'

    Raises:
        ValueError: a rule that can't be understood.
    """
    if isinstance(rules, str):
        try:
            rules = json.loads(rules if rules.lstrip().startswith('[') else Path(rules).read_text(encoding='utf-8'))
        except (OSError, json.JSONDecodeError) as error:
            raise ValueError(f'faults must be a JSON list, or the path of a file that holds one: {error}') from error
    if not isinstance(rules, Iterable) or isinstance(rules, Mapping):
        raise ValueError(f'fault rules must be a list, got {type(rules).__name__}')
    return tuple(_parse_rule(rule) for rule in rules)


def _parse_rule(rule: Any) -> Fault:
    if not isinstance(rule, Mapping):
        raise ValueError(f'a fault rule must be an object, got {rule!r}')
    arguments = dict(rule)
    name = arguments.pop('fault', None)
    if name not in FAULTS:
        raise ValueError(f'unknown fault {name!r}; there are {", ".join(FAULTS)}')
    match = arguments.pop('match', '')
    match = {'prompt': match} if isinstance(match, str) else dict(match)
    first, last = _parse_calls(match.pop('call', None))
    fault = Fault(
        name=name,
        prompt=match.pop('prompt', ''),
        first_call=first,
        last_call=last,
        share=match.pop('share', 1.0),
        times=arguments.pop('times', 1),
        per=arguments.pop('per', 'prompt'),
        arguments=arguments,
    )
    _check(fault, unknown=[*match, *(key for key in arguments if key not in FAULTS[name])])
    return fault


def _parse_calls(call: Any) -> tuple[int, int | None]:
    if call is None:
        return 1, None
    first, last = call if isinstance(call, list | tuple) else (call, call)
    return int(first), int(last)


def _check(fault: Fault, unknown: Sequence[str]) -> None:
    if unknown:
        raise ValueError(f'fault {fault.name} knows no {", ".join(unknown)}; it takes {FAULTS[fault.name]}')
    if fault.moment not in MOMENTS:
        raise ValueError(f'when must be one of {MOMENTS}, got {fault.moment!r}')
    if fault.moment == BEFORE_READING and (fault.name != 'reset' or fault.prompt or fault.share != 1):
        raise ValueError('only a reset that matches by the number of the call can strike before_reading')
    if fault.per not in ('prompt', 'request'):
        raise ValueError(f'per must be prompt or request, got {fault.per!r}')
    if fault.name == 'status' and 'status' not in fault.arguments:
        raise ValueError('fault status needs a status, such as "status": 502')
    if fault.arguments.get('body', 'real') not in BODIES:
        raise ValueError(f'body must be one of {BODIES}, got {fault.arguments["body"]!r}')


class FaultRules:
    """The rules in force, and how often each has happened."""

    def __init__(self, rules: str | Iterable[Mapping[str, Any]] = ()) -> None:
        self._lock = threading.Lock()
        self.replace(rules)

    def replace(self, rules: str | Iterable[Mapping[str, Any]]) -> None:
        """Puts other rules in force; counting begins anew."""
        faults = parse_rules(rules)
        with self._lock:
            self._faults = faults
            self._happened: Counter[tuple[int, str]] = Counter()

    def restart(self) -> None:
        """Forgets what has happened."""
        with self._lock:
            self._happened.clear()

    def choose(self, known: Container[str], number: int, edit: Edit) -> Fault | None:
        """The fault that happens to a call, if any; `known` are the faults that its API can have."""
        return self._find(
            number,
            lambda fault: fault.moment != BEFORE_READING and fault.name in known and fault.prompt in edit.prompt,
            lambda fault: fault.subject(edit),
        )

    def choose_unread(self, number: int) -> Fault | None:
        """The fault that strikes before anything of the request is read."""
        return self._find(number, lambda fault: fault.moment == BEFORE_READING, lambda _: '')

    def _find(self, number: int, is_meant: Callable[[Fault], bool], subject_of: Callable[[Fault], str]) -> Fault | None:
        with self._lock:
            for position, fault in enumerate(self._faults):
                if not (fault.covers(number) and is_meant(fault)):
                    continue
                subject = subject_of(fault)
                has_left = fault.times is None or self._happened[position, subject] < fault.times
                if has_left and fault.draws(subject):
                    self._happened[position, subject] += 1
                    return fault
        return None
