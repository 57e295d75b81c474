"""The parts of the job, usable in anyone's Beam pipeline.

from beam_image_edit.transforms import EditImages, ReadSamples, WriteManifest
"""

from beam_image_edit.transforms.edit_images import EditImages
from beam_image_edit.transforms.edit_rows import EditRows
from beam_image_edit.transforms.editor_config import EditorConfig
from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.exports import ExportParquetImages, ExportWebDataset, WriteDatasetCard
from beam_image_edit.transforms.outcomes import Outcome
from beam_image_edit.transforms.read_samples import ReadSamples
from beam_image_edit.transforms.rows import Parameters, RowFields
from beam_image_edit.transforms.samples import Sample
from beam_image_edit.transforms.write_manifest import WriteManifest

__all__ = [
    'ConfigurationError',
    'EditImages',
    'EditRows',
    'EditorConfig',
    'ExportParquetImages',
    'ExportWebDataset',
    'Outcome',
    'Parameters',
    'ReadSamples',
    'RowFields',
    'Sample',
    'WriteDatasetCard',
    'WriteManifest',
]
