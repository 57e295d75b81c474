"""A sample's calls: its row and pictures checked, and its parameters as they are sent.

The job, the dry run and `show` all come through here, so that what is foretold, sent and shown is the same.
"""

from collections.abc import Callable
from dataclasses import replace

from beam_image_edit.transforms.aspects import match_aspect
from beam_image_edit.transforms.clients.client import Endpoint
from beam_image_edit.transforms.input_pictures import InputPictures
from beam_image_edit.transforms.models import facts_of
from beam_image_edit.transforms.records import Record
from beam_image_edit.transforms.row_calls import RowCalls
from beam_image_edit.transforms.row_checks import check_row, select_parameters
from beam_image_edit.transforms.row_pictures import look_at_pictures
from beam_image_edit.transforms.rows import Parameters, RowFields, parse_row
from beam_image_edit.transforms.samples import Sample


def find_calls(
    sample: Sample,
    *,
    endpoint: Endpoint,
    model: str,
    fields: RowFields,
    defaults: Parameters,
    is_matching_aspect: bool,
    pictures: InputPictures,
    read: Callable[[Record, int], bytes],
) -> RowCalls:
    """A sample's calls to a model.

    Args:
        sample: the row.
        endpoint: where calls go.
        model: the model's name.
        fields: the names of the row's fields.
        defaults: the job's parameters, which the row can override.
        is_matching_aspect: whether the shape is that of the row's first image, unless it is asked for.
        pictures: looks at the row's images.
        read: as `RowCalls.read`.

    Raises:
        InvalidInput: the row or an image can't be used.
        Stopped: an image would have to be read, and nothing may be sent any more.
    """
    name, facts = endpoint.format_name, facts_of(endpoint.format_name, model)
    row = parse_row(sample, fields, defaults)
    row = replace(row, parameters=select_parameters(row.parameters, name))
    check_row(row, name, facts, model)
    images, mask = look_at_pictures(pictures, row, facts)
    if is_matching_aspect:
        row = replace(row, parameters=match_aspect(row.parameters, facts, images[0].info.size))
    return RowCalls(row, images, mask, endpoint, model, facts, read)
