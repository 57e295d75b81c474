"""What the job knows of a call's tokens, priced, against what the emulator's own books say that the call costs."""

from collections import Counter

import genai_prices
import pytest

from beam_image_edit.transforms.prices import find_price
from beam_image_edit.transforms.records import Record

MODELS = {'gemini': ('google', 'gemini-3-pro-image'), 'openai': ('openai', 'gpt-image-1.5')}


def row(instruction, images='a.png', **more):
    turns = [instruction] if isinstance(instruction, str) else instruction
    return {'images': images, 'conversations': [{'role': 'user', 'content': turn} for turn in turns], **more}


ROWS = {
    'gemini': [
        row('Make it red'),
        row('Make a sepia print of both', ['a.png', 'b.jpg'], resolution='4K'),
        row(['Mirror it', 'Now invert the colours', 'Now blur it']),
        row('Brighten it', extra_body={'generationConfig': {'responseModalities': ['TEXT', 'IMAGE']}}),
        row('Sharpen it', n=2),
    ],
    'openai': [
        row('Make it red'),
        row('Make a sepia print of both', ['a.png', 'b.jpg'], quality='high', size='1536x1024'),
        row(['Mirror it', 'Now invert the colours', 'Now blur it'], quality='low'),
        row('Brighten it', mask='mask.png'),
        row('Sharpen it', n=3),
    ],
}


def usd_by_the_books(calls, api_format):
    """What calls cost by the emulator's journal, each priced by genai-prices itself."""
    provider, model = MODELS[api_format]
    return [
        genai_prices.calc_price(
            genai_prices.Usage(
                input_tokens=call.tokens.input,
                input_image_tokens=call.tokens.image_input,
                output_tokens=call.tokens.output + call.tokens.thinking,
                output_image_tokens=call.tokens.image_output,
            ),
            model,
            provider_id=provider,
        ).total_price
        for call in calls
    ]


def read_records(run):
    paths = (run.folder / 'ledger').glob('[0-9a-f][0-9a-f]/*.json')
    return [Record.from_json(path.read_bytes()) for path in paths if '.intent-' not in path.name]


def usd_by_the_ledger(run, api_format):
    price = find_price(api_format, MODELS[api_format][1])
    return [price.cost_usd(record.usage, 1, 'yes', bool(record.images)) for record in read_records(run)]


@pytest.fixture(params=['gemini', 'openai'])
def api_format(request):
    return request.param


def test_every_call_costs_what_the_provider_books(edit, emulator, api_format):
    run = edit(ROWS[api_format], f'--api_format={api_format}', f'--model_name={MODELS[api_format][1]}')
    assert run.code == 0
    booked = usd_by_the_books(emulator.calls, api_format)
    assert Counter(usd_by_the_ledger(run, api_format)) == Counter(map(float, booked))
    assert len(set(booked)) > 3
    assert min(booked) > 0


def test_rows_report_the_tokens_of_their_calls(edit, emulator, api_format):
    run = edit(ROWS[api_format], f'--api_format={api_format}', f'--model_name={MODELS[api_format][1]}')
    records = {record.key: record for record in read_records(run)}
    for line in run.rows:
        usages = [records[key].usage for key in line['edit']['request_keys']]
        for kind in ('input', 'output', 'total'):
            assert line['edit']['tokens'][kind] == sum(getattr(usage, kind) for usage in usages)
    assert sum(line['edit']['tokens']['total'] for line in run.rows) == sum(
        call.tokens.total for call in emulator.calls
    )


@pytest.mark.parametrize(
    ('api_format', 'fault', 'status'),
    [
        ('gemini', {'fault': 'no_image'}, 'no_image'),
        ('gemini', {'fault': 'refused', 'stage': 'input'}, 'refused'),
        ('gemini', {'fault': 'refused', 'stage': 'output'}, 'refused'),
        ('openai', {'fault': 'no_image'}, 'no_image'),
    ],
)
def test_answers_without_images_cost_their_tokens(edit, emulator, api_format, fault, status):
    emulator.set_faults([{**fault, 'times': None}])
    flags = (f'--api_format={api_format}', f'--model_name={MODELS[api_format][1]}')
    run = edit([row('Make it red')], *flags)
    assert run.statuses == [status]
    booked = usd_by_the_books(emulator.calls, api_format)
    assert min(booked) > 0
    assert usd_by_the_ledger(run, api_format) == [float(sum(booked))]
