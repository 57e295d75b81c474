"""EditRows: the edit step for rows with a schema, as Beam YAML, SQL and other languages have them.

It is EditImages with another form at both ends: rows of any schema that has the fields of images and instructions go
in; the same rows come out, every field as it was, with what became of them in two fields more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PCollection, Row
from apache_beam.typehints.arrow_type_compatibility import beam_schema_from_arrow_schema
from apache_beam.typehints.row_type import RowTypeConstraint
from apache_beam.typehints.schemas import named_fields_from_element_type, named_fields_from_schema

from beam_image_edit.transforms.edit_images import EditImages
from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.foreign_rows import members_of, to_sample
from beam_image_edit.transforms.json_text import to_unicode
from beam_image_edit.transforms.manifest import EDIT_SCHEMA
from beam_image_edit.transforms.outcomes import Outcome
from beam_image_edit.transforms.rows import RowFields
from beam_image_edit.transforms.samples import Sample

GOOD_TAG = 'good'
EDIT_KEY = 'edit'
EDIT_TYPE = RowTypeConstraint.from_fields(
    named_fields_from_schema(beam_schema_from_arrow_schema(pa.schema(list(EDIT_SCHEMA))))
)
"""The manifest's `edit` as a row."""


class EditRows(beam.PTransform[PCollection[Any], Any]):
    """Edits images through an image API, for rows with a schema.

    Gives each row with its fields as they were, `output_image` (a list of paths), and `edit` (a row of the fields of
    the manifest's `edit`: `status`, `error`, `model`, `cost_usd`, …). Without `error_handling` all rows come out so,
    whatever their status. With it the edited ones are the output `good`; each other row goes to the output that is
    named there, as Beam YAML has errors: `element` (the row as it came), `msg`, `stack` (empty), and `edit` besides.

    All arguments are values that YAML and JSON can hold.

    Args:
        cache_path: where images and the ledger are written, a path or any fsspec URL.
        error_handling: `{'output': name}`: where the rows that are not edited go.
        input_image_key: the rows' field of input images.
        input_conversation_key: the rows' field of instructions.
        output_image_key: the new field of edited images.
        options: any other argument of `EditImages`.

    Raises:
        ConfigurationError: an argument can't be used, or the rows have no schema.
    """

    def __init__(
        self,
        *,
        cache_path: str,
        error_handling: Mapping[str, str] | None = None,
        input_image_key: str = 'images',
        input_conversation_key: str = 'conversations',
        output_image_key: str = 'output_image',
        **options: Any,
    ) -> None:
        super().__init__()
        self._fields = RowFields(input_image_key, input_conversation_key, output_image_key)
        self._failed_tag = _read_error_handling(error_handling)
        self._edit = EditImages(cache_path=cache_path, fields=self._fields, **options)

    def expand(self, rows: PCollection[Any]) -> Any:
        """Wires EditImages between rows and rows."""
        edited_type = _with_result_types(self._find_fields(rows.element_type), self._fields.output_image)
        edits = rows | 'ToSamples' >> beam.Map(_to_sample_with_row) | 'EditImages' >> self._edit
        to_rows = beam.Map(_to_row, self._fields.output_image).with_output_types(edited_type)
        if self._failed_tag is None:
            return edits.outcomes | 'ToRows' >> to_rows
        to_errors = beam.Map(_to_error).with_output_types(_error_type(rows.element_type))
        return {
            GOOD_TAG: edits.edited | 'ToRows' >> to_rows,
            self._failed_tag: edits.failed | 'ToErrors' >> to_errors,
        }

    def _find_fields(self, element_type: Any) -> list[tuple[str, Any]]:
        try:
            fields = named_fields_from_element_type(element_type)
        except TypeError as error:
            raise ConfigurationError(
                f'EditRows takes rows with a schema, got {element_type}: make them with beam.Row or beam.Select, '
                'or use EditImages, which takes dicts'
            ) from error
        names = [name for name, _ in fields]
        for key, name in (
            ('input_image_key', self._fields.images),
            ('input_conversation_key', self._fields.conversations),
        ):
            if name not in names:
                raise ConfigurationError(
                    f'the rows have no field {name!r}, only {", ".join(names)}: name it with {key}'
                )
        return fields


def _read_error_handling(error_handling: Mapping[str, str] | None) -> str | None:
    if error_handling is None:
        return None
    name = error_handling.get('output') if isinstance(error_handling, Mapping) else None
    if not isinstance(name, str) or not name or len(error_handling) > 1:
        raise ConfigurationError(
            f'error_handling must name an output, such as {{"output": "failed"}}, got {error_handling}'
        )
    if name == GOOD_TAG:
        raise ConfigurationError(
            f'the output of error_handling must not be named {GOOD_TAG}, which is that of edited rows'
        )
    return name


def _with_result_types(fields: list[tuple[str, Any]], output_image_key: str) -> RowTypeConstraint:
    results: dict[str, Any] = {output_image_key: Sequence[str], EDIT_KEY: EDIT_TYPE}
    return RowTypeConstraint.from_fields([*(field for field in fields if field[0] not in results), *results.items()])


def _error_type(element_type: Any) -> RowTypeConstraint:
    fields: list[tuple[str, Any]] = [('element', element_type), ('msg', str), ('stack', str), (EDIT_KEY, EDIT_TYPE)]
    return RowTypeConstraint.from_fields(fields)


def _to_sample_with_row(row: Any) -> Sample:
    return replace(to_sample(row), origin=row)


def _to_row(outcome: Outcome, output_image_key: str) -> Row:
    members = dict(members_of(outcome.origin) or {})
    return Row(**{**members, output_image_key: list(outcome.output_image), EDIT_KEY: _edit_of(outcome)})


def _to_error(outcome: Outcome) -> Row:
    edit = _edit_of(outcome)
    return Row(element=outcome.origin, msg=f'{edit.status}: {edit.error}', stack='', edit=edit)


def _edit_of(outcome: Outcome) -> Any:
    # An answer can say "\ud800", half a character, which no coder of rows takes.
    return _to_row_value(to_unicode(dict(outcome.edit)))


def _to_row_value(value: Any) -> Any:
    if isinstance(value, dict):
        return Row(**{name: _to_row_value(member) for name, member in value.items()})
    return [_to_row_value(entry) for entry in value] if isinstance(value, list) else value
