"""The official google-genai SDK against the emulator: what it can do must work."""

import io

import pytest
from google.genai import errors, types
from PIL import Image, ImageChops, ImageStat

MODEL = 'gemini-nano-banana-2.1'


def edit(client, *contents, model=MODEL, **config):
    config = types.GenerateContentConfig(**{'response_modalities': ['IMAGE'], **config})
    return client.models.generate_content(model=model, contents=list(contents), config=config)


def image_parts(answer):
    return [part for part in answer.candidates[0].content.parts if part.inline_data and not part.thought]


def open_first(answer):
    return Image.open(io.BytesIO(image_parts(answer)[0].inline_data.data))


def as_part(content, mime_type='image/png'):
    return types.Part.from_bytes(data=content, mime_type=mime_type)


def test_single_image_comes_back_visibly_edited(gemini_client, picture):
    sent = picture()
    edited = open_first(edit(gemini_client, as_part(sent), 'make it black and white'))
    difference = ImageChops.difference(edited.convert('RGB'), Image.open(io.BytesIO(sent)))
    assert edited.size == (96, 64)
    assert sum(ImageStat.Stat(difference).mean) / 3 > 15


@pytest.mark.parametrize('image_format', ['PNG', 'JPEG', 'WEBP'])
def test_image_format_is_taken(gemini_client, picture, image_format):
    answer = edit(
        gemini_client, as_part(picture(image_format=image_format), f'image/{image_format.lower()}'), 'blur it'
    )
    assert len(image_parts(answer)) == 1


def test_two_images_stand_side_by_side(gemini_client, emulator, picture):
    red, blue = picture(colour=(230, 20, 20)), picture(colour=(20, 20, 230))
    edited = open_first(edit(gemini_client, as_part(red), as_part(blue), 'mirror')).convert('RGB')
    assert edited.getpixel((5, 20))[2] > 150  # mirrored: the blue one is now on the left
    assert edited.getpixel((90, 20))[0] > 150
    assert len(emulator.calls[0].images) == 2


@pytest.mark.parametrize(
    ('ratio', 'size', 'expected'),
    [
        ('16:9', None, (1376, 768)),
        ('21:9', '1K', (1584, 672)),
        ('1:1', '2K', (2048, 2048)),
        ('8:1', '1K', (3072, 384)),
        (None, '1K', (1264, 848)),
    ],
)
def test_image_config_sets_the_size(gemini_client, picture, ratio, size, expected):
    config = types.ImageConfig(aspect_ratio=ratio, image_size=size)
    assert open_first(edit(gemini_client, as_part(picture()), 'warm', image_config=config)).size == expected


def test_pro_thinks_before_the_final_image(gemini_client, picture):
    answer = edit(gemini_client, as_part(picture()), 'sepia', model='gemini-3-pro-image')
    parts = answer.candidates[0].content.parts
    assert [bool(part.thought) for part in parts] == [True, True, False]
    assert parts[1].inline_data is not None
    assert [part.thought_signature is not None for part in parts] == [False, False, True]


def test_gemini_3_class_answers_in_jpeg(gemini_client, picture):
    part = image_parts(edit(gemini_client, as_part(picture()), 'sepia'))[0]
    assert part.inline_data.mime_type == 'image/jpeg'
    assert part.inline_data.data.startswith(b'\xff\xd8')


def test_older_class_answers_in_png_without_thinking(gemini_client, picture):
    answer = edit(gemini_client, as_part(picture()), 'sepia', model='emulated-gemini-2.5-flash-image')
    assert image_parts(answer)[0].inline_data.mime_type == 'image/png'
    assert answer.usage_metadata.thoughts_token_count is None
    assert answer.usage_metadata.candidates_token_count == 1290


def test_text_and_image_are_both_given(gemini_client, picture):
    answer = edit(gemini_client, as_part(picture()), 'sepia', response_modalities=['TEXT', 'IMAGE'])
    assert answer.text
    assert [part.thought_signature is not None for part in answer.candidates[0].content.parts] == [True, True]


def test_system_instruction_and_sampling_are_noted(gemini_client, emulator, picture):
    edit(gemini_client, as_part(picture()), 'sepia', system_instruction='Be careful.', temperature=0.5, seed=7)
    call = emulator.calls[0]
    assert call.parameters['systemInstruction']['parts'] == [{'text': 'Be careful.'}]
    assert call.parameters['generationConfig']['seed'] == 7


def test_usage_counts_images_and_thoughts(gemini_client, picture):
    size = types.ImageConfig(image_size='1K')
    usage = edit(
        gemini_client, as_part(picture()), 'sepia', model='gemini-3-pro-image', image_config=size
    ).usage_metadata
    assert usage.candidates_token_count == 1120
    assert usage.thoughts_token_count > 0
    parts = usage.prompt_token_count + usage.candidates_token_count + usage.thoughts_token_count
    assert usage.total_token_count == parts


@pytest.mark.parametrize('model', [MODEL, 'gemini-3-pro-image'])
def test_chat_goes_on_with_its_own_signatures(gemini_client, emulator, picture, model):
    config = types.GenerateContentConfig(response_modalities=['TEXT', 'IMAGE'])
    chat = gemini_client.chats.create(model=model, config=config)
    chat.send_message([as_part(picture()), 'make it sepia'])
    chat.send_message('now flip it')
    last = chat.send_message('now add a red frame')
    assert open_first(last).size == (96, 64)
    assert emulator.calls[2].turns == ('make it sepia', 'now flip it', 'now add a red frame')
    assert emulator.calls[2].answered_images == emulator.calls[0].produced + emulator.calls[1].produced


def test_model_can_be_looked_up(gemini_client, emulator):
    assert gemini_client.models.get(model='gemini-3-pro-image').name == 'models/gemini-3-pro-image'
    assert emulator.count == 0


@pytest.mark.parametrize('model', ['gemini-2.5-flash-image', 'gemini-3-pro-image-preview', 'gpt-image-2', 'gemini-9'])
def test_model_that_is_not_served_is_not_found(gemini_client, picture, model):
    with pytest.raises(errors.ClientError) as caught:
        edit(gemini_client, as_part(picture()), 'sepia', model=model)
    assert (caught.value.code, caught.value.status) == (404, 'NOT_FOUND')


@pytest.mark.parametrize(
    ('fault', 'kind', 'code'),
    [
        ('rate_limit', errors.ClientError, 429),
        ('billing', errors.ClientError, 402),
        ('wrong_key', errors.ClientError, 400),
        ('overloaded', errors.ServerError, 503),
        ('internal', errors.ServerError, 500),
    ],
)
def test_fault_is_an_error_of_the_sdk(gemini_client, emulator, picture, fault, kind, code):
    emulator.set_faults([{'fault': fault}])
    with pytest.raises(kind) as caught:
        edit(gemini_client, as_part(picture()), 'sepia')
    assert caught.value.code == code


def test_blocked_prompt_is_feedback_in_the_sdk(gemini_client, emulator, picture):
    emulator.set_faults([{'fault': 'refused'}])
    answer = edit(gemini_client, as_part(picture()), 'sepia')
    assert not answer.candidates
    assert answer.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT
