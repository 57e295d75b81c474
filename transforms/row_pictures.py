"""A row's pictures: each prepared the way its model needs it, all of them within what one request may hold."""

from beam_image_edit.transforms.conversions import (
    Picture,
    prepare,
    prepare_for_dall_e_2,
    prepare_mask,
    prepare_mask_for_dall_e_2,
)
from beam_image_edit.transforms.errors import InvalidInput
from beam_image_edit.transforms.input_pictures import InputPicture, InputPictures
from beam_image_edit.transforms.models import ModelFacts
from beam_image_edit.transforms.rows import Row


def look_at_pictures(
    pictures: InputPictures, row: Row, facts: ModelFacts
) -> tuple[tuple[InputPicture, ...], InputPicture | None]:
    """The row's images, ready to be sent, and its mask.

    Raises:
        InvalidInput: one can't be read or used; says which.
    """
    is_dall_e_2 = facts.needs_dall_e_2_input or row.parameters.use_variations
    recipe = 'dall-e-2' if is_dall_e_2 else f'{sorted(facts.accepted_mimes)} {facts.max_image_bytes}'

    def make_ready(content: bytes) -> Picture:
        if is_dall_e_2:
            return prepare_for_dall_e_2(content)
        return prepare(content, facts.accepted_mimes, facts.max_image_bytes)

    images = tuple(
        pictures.look_at(f'image {position}', url, recipe, make_ready) for position, url in enumerate(row.images)
    )
    mask = _look_at_mask(pictures, row.mask, images[0], is_dall_e_2) if row.mask else None
    # Base64 adds a third.
    size = sum(picture.bytes for picture in images) * 4 // 3
    if facts.max_request_bytes is not None and size > facts.max_request_bytes:
        raise InvalidInput(
            f'the images take {size:,} bytes in one request, {facts.max_request_bytes:,} are allowed: make them smaller'
        )
    return images, mask


def _look_at_mask(pictures: InputPictures, url: str, first: InputPicture, is_dall_e_2: bool) -> InputPicture:
    def make_ready(content: bytes) -> Picture:
        if is_dall_e_2:
            return prepare_mask_for_dall_e_2(content, first.load())
        return prepare_mask(content, first.info)

    return pictures.look_at('mask', url, f'mask of {first.sha256} {is_dall_e_2}', make_ready)
