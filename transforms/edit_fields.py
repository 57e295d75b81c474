"""A row's `edit` field: made from the row's pictures and the ledger's records alone, so that a rerun makes the same."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from beam_image_edit.transforms.aspects import aspect_of, drift
from beam_image_edit.transforms.input_pictures import InputPicture
from beam_image_edit.transforms.manifest import blank_edit
from beam_image_edit.transforms.outcomes import REFUSED, Outcome
from beam_image_edit.transforms.records import Attempt, Record, count_double_billed, sum_known
from beam_image_edit.transforms.samples import Sample
from beam_image_edit.transforms.storage import Storage


def make_outcome(
    sample: Sample,
    status: str,
    error: str | None,
    *,
    name: str | None = None,
    pictures: Sequence[InputPicture] = (),
    records: Sequence[tuple[int, Record]] = (),
    bought: Collection[str] = (),
    storage: Storage | None = None,
    run_id: str | None = None,
) -> Outcome:
    """What became of a sample.

    Args:
        sample: the row.
        status: one of outcomes.STATUSES.
        error: why it is not edited; None if it is.
        name: the name its images bear.
        pictures: its input images and mask.
        records: the calls made for it, each with its turn, counted from 0.
        bought: the keys of those that were sent for it just now, rather than for an earlier or an equal row.
        storage: where the images are; needed if there are any.
        run_id: the run whose spending is counted.
    """
    made = [record.attempts for _, record in records]
    paths = [image.path for _, record in records for image in record.images]
    # By name too, for a bundle that the runner runs again; rows without a name of their own share that of their call.
    own = [record for _, record in records if record.key in bought or (sample.name and record.name == sample.name)]
    calls = {**_calls_fields(records), 'images': list(_image_fields(records, pictures))} if records else {}
    return Outcome(
        text=sample.text,
        index=sample.index,
        name=name or sample.name,
        output_image=tuple(storage.url(path) for path in paths) if storage else (),
        edit=blank_edit(status, error, **calls, **_picture_fields(pictures)),
        spent=_spent(own, run_id) | {'unpriced_calls_of_all_rows': sum(map(_count_unpriced, made))},
        origin=sample.origin,
        folder=sample.folder,
    )


def _picture_fields(pictures: Sequence[InputPicture]) -> dict[str, Any]:
    return {
        'conversions': [f'{picture.place}: {picture.conversion}' for picture in pictures if picture.conversion],
        'sources': [
            {
                'place': picture.place,
                **picture.source,
                'aspect_ratio': aspect_of(picture.source['width'], picture.source['height']),
            }
            for picture in pictures
        ],
    }


def _image_fields(records: Sequence[tuple[int, Record]], pictures: Sequence[InputPicture]) -> Iterator[dict[str, Any]]:
    first = pictures[0].source if pictures else {}
    source = first.get('width') or 0, first.get('height') or 0
    for turn, image in ((turn, image) for turn, record in records for image in record.images):
        size = image.width or 0, image.height or 0
        yield {
            'sha256': image.sha256,
            'bytes': image.bytes,
            'width': image.width,
            'height': image.height,
            'aspect_ratio': aspect_of(*size),
            'aspect_drift': drift(source, size),
            'mime': image.mime,
            'turn': turn,
        }


def _calls_fields(records: Sequence[tuple[int, Record]]) -> dict[str, Any]:
    made = [record for _, record in records]
    last = made[-1]
    return {
        'api_format': last.api_format,
        'model': last.model,
        'model_version': last.model_version,
        'request_keys': [record.key for record in made],
        'request_ids': [record.request_id for record in made if record.request_id],
        'attempts': sum(len(record.attempts) for record in made),
        'possibly_double_billed': sum(count_double_billed(record.attempts) for record in made),
        'tokens': {
            kind: sum_known([getattr(record.usage, kind) for record in made])
            for kind in ('input', 'output', 'thinking', 'total')
        },
        'cost_usd': _round(sum_known([record.cost_usd for record in made]), 12),
        'latency_s': _round(sum_known([record.latency_s for record in made]), 3),
        'finish_reason': last.finish_reason,
        'refusal': last.error if last.status == REFUSED else None,
    }


def _spent(own: Sequence[Record], run_id: str | None) -> dict[str, float]:
    """What this run spent on the records that the sample itself bought."""
    attempts = [attempt for record in own for attempt in record.attempts if attempt.run_id == run_id]
    sent = [record for record in own if record.run_id == run_id]
    cost_usd = sum_known([attempt.cost_usd for attempt in attempts])
    return {
        'calls': len(attempts),
        **({} if cost_usd is None else {'cost_usd': cost_usd}),
        'possibly_double_billed': sum(count_double_billed(record.attempts, run_id) for record in own),
        'unpriced_calls': _count_unpriced(attempts),
        'input_tokens': sum(record.usage.input or 0 for record in sent),
        'output_tokens': sum((record.usage.output or 0) + (record.usage.thinking or 0) for record in sent),
    }


def _count_unpriced(attempts: Iterable[Attempt]) -> int:
    return sum(attempt.cost_usd is None and attempt.billed != 'no' for attempt in attempts)


def _round(value: float | None, digits: int) -> float | None:
    """A sum of decimals without the noise of adding them up in binary."""
    return None if value is None else round(value, digits)
