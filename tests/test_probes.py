"""Probes: who does not see the submitter's files is told so before it buys anything."""

import pytest

from beam_image_edit.transforms.editor import Editor
from beam_image_edit.transforms.editor_config import EditorConfig
from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.probes import check_probe, leave_probe
from beam_image_edit.transforms.storage import Storage


def test_whoever_shares_the_folder_sees_the_probe(tmp_path):
    probe = leave_probe(Storage(str(tmp_path)), 'a-run')
    check_probe(Storage(f'file://{tmp_path}'), probe)


def test_folder_of_the_same_name_elsewhere_is_refused(tmp_path):
    probe = leave_probe(Storage(str(tmp_path / 'mine')), 'a-run')
    leave_probe(Storage(str(tmp_path / 'other')), 'another-run')
    with pytest.raises(ConfigurationError, match=f'does not see .* {tmp_path}/other'):
        check_probe(Storage(str(tmp_path / 'other')), probe)


def test_editor_does_not_start_where_the_probe_is_not_seen(tmp_path, monkeypatch):
    monkeypatch.setenv('DF_API_KEY', 'any')
    with pytest.raises(ConfigurationError, match='does not see'):
        Editor(EditorConfig('gemini', str(tmp_path), probe='ledger/runs/a-run/probe'))


def test_nobody_looks_for_a_probe_that_was_not_left(tmp_path):
    check_probe(Storage(str(tmp_path)), None)
