"""Whole jobs on ledgers that somebody or something has damaged: no crash, and no more calls than must be."""

import json
import logging
import shutil

import pytest

from beam_image_edit.pipeline.emulator import Emulator

# What a file may hold, and a row's instruction that tells it from the others.
CONTENTS = {
    'empty': b'',
    'cut off': lambda whole: whole[: len(whole) // 2],
    'random bytes': bytes(range(256)),
    'zeros': bytes(512),
    'a list': b'[]',
    'null': b'null',
    'a number': b'1e999',
    'an empty object': b'{}',
    'another object': b'{"key": 7, "images": "many", "attempts": {"1": null}, "info": [], "owner": []}',
    'a deep list': b'[' * 100_000,
}
LATER = 'a later version'
FOLDER = 'a folder'


@pytest.fixture
def emulator():
    with Emulator(pixels='64x64') as running:
        yield running


def row(instruction):
    return {'images': 'a.png', 'conversations': [f'Blur it, though there is {instruction}']}


def to_later_version(whole):
    """The same, with members that are not known yet, on every level."""

    def extend(value):
        if isinstance(value, dict):
            return {**{name: extend(member) for name, member in value.items()}, 'from_a_later_version': [1]}
        return [extend(item) for item in value] if isinstance(value, list) else value

    return json.dumps(extend(json.loads(whole))).encode()


def damage(path, content):
    whole = path.read_bytes()
    if content == FOLDER:
        path.unlink()
        path.mkdir()
    elif content == LATER:
        path.write_bytes(to_later_version(whole))
    else:
        damaged = CONTENTS[content]
        path.write_bytes(damaged(whole) if callable(damaged) else damaged)


def record_of(run, index):
    (key,) = run.rows[index]['edit']['request_keys']
    return run.folder / 'ledger' / key[:2] / f'{key}.json'


def intent_of(run, index):
    record = record_of(run, index)
    return record.with_name(f'{record.stem}.intent-1.json')


def claims_by_key(run):
    """The claims of image names, which hold their purchases' keys."""
    return {path.read_text(): path for path in run.folder.glob('ledger/names/*/*.txt')}


def check_warned(caplog, paths):
    """Each file was told of in a warning, and nothing worse."""
    told = [entry.getMessage() for entry in caplog.records if entry.name.startswith('beam_image_edit')]
    assert all(entry.levelno <= logging.WARNING for entry in caplog.records if entry.name.startswith('beam_image_edit'))
    for path in paths:
        assert any(str(path) in message and 'can not be read' in message for message in told), path


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Stores are asked again at once, as often as ever."""
    monkeypatch.setattr('beam_image_edit.transforms.persistence._DELAYS_S', (0.0, 0.0, 0.0))


@pytest.fixture
def told(caplog, monkeypatch):
    """What is logged, though the command sets logging up anew."""
    monkeypatch.setattr(logging, 'basicConfig', lambda **_: None)
    return caplog


def test_damaged_records_are_in_doubt_and_bought_again(edit, emulator, told):
    rows = [row(content) for content in [*CONTENTS, LATER]]
    before = edit(rows)
    for index, content in enumerate([*CONTENTS, LATER]):
        damage(record_of(before, index), content)
    after = edit(rows)
    assert after.statuses == ['edited'] * len(rows)
    assert after.images == before.images
    assert emulator.count == len(rows) + len(CONTENTS)
    assert [line['edit']['possibly_double_billed'] for line in after.rows] == [1] * len(CONTENTS) + [0]
    check_warned(told, [record_of(before, index) for index in range(len(CONTENTS))])


def test_damaged_records_are_left_in_doubt_if_that_is_asked_for(edit, emulator):
    rows = [row('cut off'), row('nothing wrong')]
    damage(record_of(edit(rows), 0), 'cut off')
    after = edit(rows, '--in_doubt=skip')
    assert (after.code, after.statuses, emulator.count) == (3, ['in_doubt', 'edited'], 2)


def test_damaged_intents_of_bought_calls_change_nothing(edit, emulator):
    contents = [*CONTENTS, LATER, FOLDER]
    before = edit([row(content) for content in contents])
    for index, content in enumerate(contents):
        damage(intent_of(before, index), content)
    after = edit([row(content) for content in contents])
    assert after.lines == before.lines
    assert emulator.count == len(contents)


def test_damaged_intents_without_a_record_are_in_doubt_and_bought_again(edit, emulator, told):
    rows = [row(content) for content in [*CONTENTS, LATER]]
    before = edit(rows)
    for index, content in enumerate([*CONTENTS, LATER]):
        damage(intent_of(before, index), content)
        record_of(before, index).unlink()
    after = edit(rows)
    assert (after.statuses, after.images) == (['edited'] * len(rows), before.images)
    assert emulator.count == 2 * len(rows)
    assert [line['edit']['possibly_double_billed'] for line in after.rows] == [1] * len(rows)
    check_warned(told, [intent_of(before, index) for index in range(len(CONTENTS))])


@pytest.mark.parametrize('file_of', [record_of, intent_of])
def test_a_folder_in_the_place_of_a_record_or_intent_fails_its_row_before_it_is_paid_for(edit, emulator, file_of):
    rows = [row(FOLDER), row('nothing wrong')]
    before = edit(rows)
    if file_of is intent_of:
        record_of(before, 0).unlink()
    damage(path := file_of(before, 0), FOLDER)
    after = edit(rows)
    assert (after.code, after.statuses, emulator.count) == (3, ['failed', 'edited'], 2)
    assert f'{path} could not be read: IsADirectoryError' in after.rows[0]['edit']['error']
    path.rmdir()
    again = edit(rows)
    assert (again.code, emulator.count) == (0, 3)
    assert again.images == before.images


def test_damaged_claims_of_names_change_nothing_about_what_is_bought(edit, emulator):
    contents = [*CONTENTS, FOLDER]
    rows = [row(content) for content in contents]
    before = edit(rows)
    claims = claims_by_key(before)
    for index, content in enumerate(contents):
        damage(claims[record_of(before, index).stem], content)
    assert edit(rows).lines == before.lines
    for index in range(len(contents)):
        record_of(before, index).unlink()
    after = edit(rows)
    assert after.statuses == ['edited'] * len(rows)
    assert emulator.count == 2 * len(rows)
    # Nobody knows any more whose the first images are, so they are kept.
    assert all(path.startswith(f'sample_{index}-') for index, (path,) in enumerate(after.images))
    assert all((before.folder / path).exists() for (path,) in before.images)


def test_damaged_memory_of_inputs_costs_a_look_at_the_files(edit, emulator, photos, told):
    contents = [*CONTENTS, LATER, FOLDER]
    for index in range(len(contents)):
        shutil.copy(photos / 'a.png', photos / f'{index}.png')
    rows = [{**row(content), 'images': f'{index}.png'} for index, content in enumerate(contents)]
    before = edit(rows)
    memories = sorted(before.folder.glob('ledger/inputs/*/*.json'))
    for memory, content in zip(memories, contents, strict=True):
        damage(memory, content)
    after = edit(rows)
    assert (after.code, after.lines) == (0, before.lines)
    assert emulator.count == len(rows)
    check_warned(told, [path for path, content in zip(memories, contents, strict=True) if content != LATER])


def test_what_other_runs_left_to_stop_them_stops_nobody(edit, emulator):
    before = edit([row('nothing wrong')])
    for number, content in enumerate(CONTENTS.values()):
        stop_file = before.folder / 'ledger' / 'runs' / f'run-{number}' / 'stop.json'
        stop_file.parent.mkdir(parents=True)
        stop_file.write_bytes(content(b'{"reason": "no credit"}') if callable(content) else content)
    assert edit([row('nothing wrong'), row('one more')]).code == 0
    assert emulator.count == 2


def test_a_conversation_goes_on_from_a_damaged_turn(edit, emulator):
    rows = [{'images': 'a.png', 'conversations': ['Mirror it', 'Blur it']}]
    before = edit(rows)
    first, _ = before.rows[0]['edit']['request_keys']
    damage(before.folder / 'ledger' / first[:2] / f'{first}.json', 'cut off')
    after = edit(rows)
    assert (after.code, len(after.images[0])) == (0, 2)
    assert [call.prompt for call in emulator.calls][:3] == ['Mirror it', 'Blur it', 'Mirror it']
    assert emulator.count <= 4


def test_a_ledger_that_is_gone_is_bought_anew_beside_what_is_there(edit, emulator):
    before = edit([row('nothing wrong')])
    content = (before.folder / before.images[0][0]).read_bytes()
    shutil.rmtree(before.folder / 'ledger')
    after = edit([row('nothing wrong')])
    assert (after.code, emulator.count) == (0, 2)
    assert after.images[0][0].startswith('sample_0-')
    assert (before.folder / before.images[0][0]).read_bytes() == content
