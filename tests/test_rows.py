"""Tests of turning samples into what is to be done."""

import json

import pytest

from beam_image_edit.transforms.edit_images import EditImages
from beam_image_edit.transforms.errors import ConfigurationError, InvalidInput
from beam_image_edit.transforms.rows import Parameters, RowFields, locate, parse_row, resolve
from beam_image_edit.transforms.samples import Sample

GOOD = {'images': 'a.png', 'conversations': 'Make it red.'}


def parse(row, defaults=None, fields=None):
    return parse_row(Sample(json.dumps(row), folder='/photos'), fields or RowFields(), defaults or Parameters())


@pytest.mark.parametrize(
    ('images', 'expected'),
    [
        ('a.png', ['/photos/a.png']),
        (['a.png', 'b/c.png'], ['/photos/a.png', '/photos/b/c.png']),
        ('/elsewhere/a.png', ['/elsewhere/a.png']),
        ('~/a.png', ['/photos/~/a.png']),
        ('../a.png', ['/photos/../a.png']),
        ('Bilder/Tür 🚪.png', ['/photos/Bilder/Tür 🚪.png']),
        (' a.png', ['/photos/ a.png']),
        ('https://host/a%20b.png?x=1', ['https://host/a%20b.png?x=1']),
        ('S3://bucket/a.png', ['S3://bucket/a.png']),
        ('simplecache::s3://bucket/a.png', ['simplecache::s3://bucket/a.png']),
        ('data:image/png;base64,iVBORw0', ['data:image/png;base64,iVBORw0']),
        ('a:b.png', ['/photos/a:b.png']),
    ],
)
def test_parse_row_finds_the_images(images, expected):
    assert parse(GOOD | {'images': images}).images == tuple(expected)


@pytest.mark.parametrize(
    ('folder', 'location', 'expected'),
    [
        ('s3://b/x', 'a.png', 's3://b/x/a.png'),
        ('s3://b/x/', './a.png', 's3://b/x/a.png'),
        ('s3://b', 'a.png', 's3://b/a.png'),
        ('s3://b/x/y', '../../a.png', 's3://b/a.png'),
        ('s3://b/x', '../../../a.png', 's3://b/a.png'),
        ('s3://b/x//y', 'a.png', 's3://b/x//y/a.png'),
        ('https://host/x', 'a%20b/ä.png', 'https://host/x/a%20b/ä.png'),
        ('https://host', '../a.png', 'https://host/a.png'),
        ('memory:///x', 'a.png', 'memory:///x/a.png'),
        ('memory:///x', '../a.png', 'memory:///a.png'),
        ('s3://b/x', '/a.png', '/a.png'),
        ('s3://b/x', 'gs://c/a.png', 'gs://c/a.png'),
        ('/', 'a.png', '/a.png'),
        ('', 'a.png', 'a.png'),
    ],
)
def test_resolve(folder, location, expected):
    assert resolve(folder, location) == expected


@pytest.mark.parametrize(
    ('row', 'expected'),
    [
        ({}, None),
        ({'mask': None}, None),
        ({'mask': 'm.png'}, '/photos/m.png'),
        ({'mask_path': 'm.png'}, '/photos/m.png'),
        ({'mask': None, 'mask_path': 's3://b/m.png'}, 's3://b/m.png'),
    ],
)
def test_parse_row_finds_the_mask(row, expected):
    assert parse(GOOD | row).mask == expected


@pytest.mark.parametrize(
    ('variant', 'expected'),
    [
        (None, None),
        (1, '1'),
        ('1', '"1"'),
        (False, 'false'),
        ({'b': [1], 'a': 2}, '{"a":2,"b":[1]}'),
        ('é', '"\\u00e9"'),
    ],
)
def test_parse_row_writes_the_variant_canonically(variant, expected):
    assert parse(GOOD | {'variant': variant}).variant == expected


@pytest.mark.parametrize(
    ('override', 'expected'),
    [
        ({}, {}),
        ({'n': 3}, {'n': 3}),
        ({'n': None, 'size': None, 'extra_body': None}, {}),
        ({'size': '512x512', 'quality': 'high'}, {'size': '512x512', 'quality': 'high'}),
        ({'background': 'opaque', 'aspect_ratio': '16:9'}, {'background': 'opaque', 'aspect_ratio': '16:9'}),
        ({'resolution': '4K', 'use_variations': False}, {'resolution': '4K'}),
        ({'extra_body': {'b': 3, 'c': 4}}, {'extra_body': {'a': 1, 'b': 3, 'c': 4}}),
        ({'output_format': 7, 'moderation': [], 'input_fidelity': {}}, {}),
    ],
)
def test_parse_row_overrides_the_parameters(override, expected):
    job = {'n': 2, 'size': '1024x1024', 'extra_body': {'a': 1, 'b': 2}, 'output_format': 'png'}

    assert parse(GOOD | override, Parameters(**job)).parameters == Parameters(**job | expected)


def test_parse_row_needs_no_instruction_for_variations():
    assert parse({'images': 'a.png', 'use_variations': True}).instructions == ()


def test_parse_row_reads_the_conversation():
    turns = [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': 'red'}, 'blue']

    row = parse(GOOD | {'conversations': turns})

    assert (row.instructions, row.system) == (('red', 'blue'), 'Be brief.')


def test_parse_row_goes_by_the_names_of_the_fields():
    row = parse({'pictures': 'a.png', 'chat': 'red'}, fields=RowFields(images='pictures', conversations='chat'))

    assert (row.images, row.instructions) == (('/photos/a.png',), ('red',))


@pytest.mark.parametrize(
    ('row', 'reason'),
    [
        ({'images': None}, 'images must be a path, a URL, a data URI or a list of them, got null'),
        ({'images': []}, 'images must be a path, a URL, a data URI or a list of them, got []'),
        ({'images': {'path': 'a.png'}}, 'or a list of them, got {"path": "a.png"}'),
        ({'images': 5}, 'or a list of them, got 5'),
        ({'images': ''}, 'images must be a string that is not blank, got ""'),
        ({'images': ['a.png', None]}, 'images[1] must be a string that is not blank, got null'),
        ({'images': ['a.png', ['b.png']]}, 'images[1] must be a string that is not blank, got ["b.png"]'),
        ({'images': ['a.png', ' ']}, 'images[1] must be a string that is not blank, got " "'),
        ({'images': 'a\0.png'}, 'images must be a path, a URL or a data URI, got "a\\u0000.png"'),
        ({'images': 'a\ud800.png'}, 'images has \\ud800 at character 2, half of a surrogate pair'),
        ({'mask': ['m.png']}, 'mask must be a string that is not blank, got ["m.png"]'),
        ({'mask_path': ''}, 'mask_path must be a string that is not blank, got ""'),
        ({'conversations': None}, 'conversations must hold an instruction that is not blank, got null'),
        ({'conversations': 'a\udfff'}, 'conversations has \\udfff at character 2, half of a surrogate pair'),
        ({'n': 0}, 'n must be an integer from 1 to 10, got 0'),
        ({'n': 11}, 'n must be an integer from 1 to 10, got 11'),
        ({'n': True}, 'n must be an integer from 1 to 10, got true'),
        ({'n': '2'}, 'n must be an integer from 1 to 10, got "2"'),
        ({'n': 2.0}, 'n must be an integer from 1 to 10, got 2.0'),
        ({'size': 1024}, 'size must be a string that is not blank, got 1024'),
        ({'quality': ''}, 'quality must be a string that is not blank, got ""'),
        ({'aspect_ratio': [16, 9]}, 'aspect_ratio must be a string that is not blank, got [16, 9]'),
        ({'use_variations': 'yes'}, 'use_variations must be true or false, got "yes"'),
        ({'use_variations': 1}, 'use_variations must be true or false, got 1'),
        ({'extra_body': []}, 'extra_body must be an object, got []'),
    ],
)
def test_parse_row_says_what_is_wrong(row, reason):
    with pytest.raises(InvalidInput) as caught:
        parse(GOOD | row)

    assert str(caught.value).endswith(reason)


@pytest.mark.parametrize(
    ('row', 'reason'),
    [
        ({'image': 'a.png', 'conversations': ['red']}, 'images; it has image, conversations'),
        ({'images': 'a.png', 'id': 1}, 'conversations; it has images, id'),
        ({}, 'conversations; it has none'),
        ({'images': 'a.png', **dict.fromkeys('abcdefg')}, 'conversations; it has images, a, b, c, d and 3 more'),
        ({'images': 'a.png', 'x' * 1000: 0}, f'conversations; it has images, {"x" * 79}…'),
    ],
    ids=['images', 'conversations', 'both', 'many-names', 'long-name'],
)
def test_parse_row_says_what_is_missing_and_what_is_there(row, reason):
    with pytest.raises(InvalidInput, match=f'^the row has no field {reason}$'):
        parse(row)


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('{"images": ', 'malformed JSON: Expecting value: column 12: {"images":'),
        ('null', 'not a JSON object but null'),
        ('[1, 2]', 'not a JSON object but an array'),
        ('{"variant": 1e999, "images": "a", "conversations": "b"}', 'variant has a number that is too large'),
        ('{"extra_body": {"a": -1e999}, "images": "a", "conversations": "b"}', 'extra_body has a number that'),
        ('{"n": ' + '9' * 5000 + '}', 'n must be an integer from 1 to 10, got Infinity'),
    ],
)
def test_parse_row_says_why_a_text_is_no_row(text, reason):
    with pytest.raises(InvalidInput) as caught:
        parse_row(Sample(text), RowFields(), Parameters())

    assert str(caught.value).startswith(reason)


def test_parse_row_passes_on_the_problem_of_its_sample():
    with pytest.raises(InvalidInput, match=r'^not valid UTF-8$'):
        parse_row(Sample(json.dumps(GOOD), problem='not valid UTF-8'), RowFields(), Parameters())


def test_parse_row_shortens_values():
    with pytest.raises(InvalidInput) as caught:
        parse(GOOD | {'images': ['x' * 10_000, 5], 'mask': ['y' * 10_000]})

    assert len(str(caught.value)) < 200


def test_locate_makes_one_line():
    assert locate(Sample('', line=2), 'a  a\r\nb\u2028c\t') == 'line 2: a  a b c\\t'


def test_locate_shows_what_nobody_would_see():
    assert locate(Sample('', line=2), '\ufeff{\0\x1b[0m\u200b\ud800') == r'line 2: \ufeff{\x00\x1b[0m\u200b\ud800'


@pytest.mark.parametrize(
    ('parameters', 'reason'),
    [
        ({'n': 0}, 'n must be an integer from 1 to 10, got 0'),
        ({'n': 11}, 'n must be an integer from 1 to 10, got 11'),
        ({'n': None}, 'n must be an integer from 1 to 10, got null'),
        ({'n': 2.0}, 'n must be an integer from 1 to 10, got 2.0'),
        ({'n': True}, 'n must be an integer from 1 to 10, got true'),
        ({'output_compression': -1}, 'output_compression must be an integer from 0 to 100, got -1'),
        ({'output_compression': 101}, 'output_compression must be an integer from 0 to 100, got 101'),
        ({'output_compression': '50'}, 'output_compression must be an integer from 0 to 100, got "50"'),
        ({'size': 1024}, 'size must be a string that is not blank, got 1024'),
        ({'size': object}, 'size must be a string that is not blank, got "<class'),
        ({'quality': ' '}, 'quality must be a string that is not blank, got " "'),
        ({'moderation': 'a\ud800'}, r'moderation has \ud800 at character 2'),
        ({'use_variations': 1}, 'use_variations must be true or false, got 1'),
        ({'use_variations': None}, 'use_variations must be true or false, got null'),
        ({'extra_body': None}, 'extra_body must be an object, got null'),
        ({'extra_body': [1]}, 'extra_body must be an object, got [1]'),
        (
            {'extra_body': {'a': float('nan')}},
            'extra_body has a number that is too large or none at all, got {"a": NaN}',
        ),
        ({'extra_body': {'a': {1, 2}}}, 'extra_body must hold only what JSON can'),
        ({'extra_body': {'a': b'b'}}, 'extra_body must hold only what JSON can'),
    ],
    ids=str,
)
def test_parameters_refuse_what_no_server_takes(parameters, reason):
    with pytest.raises(ConfigurationError) as caught:
        Parameters(**parameters)

    assert reason in str(caught.value)


def test_a_bad_parameter_fails_where_the_transform_is_made():
    with pytest.raises(ConfigurationError, match='n must be an integer'):
        EditImages(cache_path='out', n=0)


@pytest.mark.parametrize('field', ['images', 'conversations', 'output_image'])
@pytest.mark.parametrize(
    'name',
    [
        *('id', 'edit', 'line', 'mask', 'mask_path', 'variant'),
        *('n', 'size', 'quality', 'background', 'aspect_ratio', 'resolution', 'use_variations', 'extra_body'),
    ],
)
def test_fields_can_not_have_names_that_mean_something_else(field, name):
    with pytest.raises(ConfigurationError, match=f"can not have the name '{name}'"):
        RowFields(**{field: name})


@pytest.mark.parametrize(
    ('names', 'reason'),
    [
        ({'images': 'conversations'}, "got 'conversations' twice"),
        ({'conversations': 'output_image'}, "got 'output_image' twice"),
        ({'images': 'a', 'output_image': 'a'}, "got 'a' twice"),
        ({'images': ''}, "not empty, got ''"),
        ({'images': None}, 'not empty, got None'),
    ],
    ids=str,
)
def test_fields_must_have_names_of_their_own(names, reason):
    with pytest.raises(ConfigurationError, match=reason):
        RowFields(**names)
