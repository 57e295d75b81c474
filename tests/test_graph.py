"""Tests of the job's graph as the local runner cuts it into stages: what lies between two of them stays in memory."""

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from beam_image_edit.pipeline.command_line import parse_args
from beam_image_edit.pipeline.job import build_pipeline


@pytest.fixture
def stages(tmp_path):
    root = beam.Pipeline('FnApiRunner')
    build_pipeline(root, parse_args(['--input', f'{tmp_path}/rows.jsonl', '--cache_path', f'{tmp_path}/out'], {}))
    _, stages = FnApiRunner().create_stages(root.to_runner_api())
    return [[step.unique_name for step in stage.transforms] for stage in stages]


def test_rows_are_read_edited_and_packed_in_one_stage(stages):
    (of_edits,) = [steps for steps in stages if any(step.startswith('EditImages/Edit/') for step in steps)]
    assert 'ReadSamples/ReadRows' in of_edits
    assert any(step.startswith('WriteManifest/PackRows/') for step in of_edits)
