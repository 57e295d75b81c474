"""The key and everything that Beam, a debugger or a log could make a text of: it is in none of them."""

import pickle
from contextlib import closing

import apache_beam as beam
import pytest
from apache_beam.internal import pickler
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, SetupOptions, StandardOptions
from apache_beam.transforms.display import DisplayData

from beam_image_edit.pipeline.command_line import parse_args
from beam_image_edit.pipeline.job import build_pipeline
from beam_image_edit.transforms import EditImages
from beam_image_edit.transforms.clients import load_format
from beam_image_edit.transforms.clients.client import ApiClient, Endpoint
from beam_image_edit.transforms.clients.http import HttpClient
from beam_image_edit.transforms.editor import Editor
from beam_image_edit.transforms.editor_config import EditorConfig
from tests.unpacking import unpack

KEY = 'sk-Pq7Zr2Wm9Xv4Tn8Ls3Kd6Hf'
BOTH_FORMATS = pytest.mark.parametrize('api_format', ['gemini', 'openai'])


@pytest.fixture(autouse=True)
def key_in_the_environment(monkeypatch):
    monkeypatch.setenv('DF_API_KEY', KEY)


@pytest.fixture
def config(tmp_path):
    return lambda api_format: EditorConfig(api_format, str(tmp_path / 'out'), base_url='http://127.0.0.1:1')


@BOTH_FORMATS
@pytest.mark.parametrize('dump', [pickle.dumps, pickler.dumps], ids=['pickle', 'beam'])
def test_configuration_is_pickled_without_the_key(config, api_format, dump):
    with closing(Editor(config(api_format))):  # which has read the key by now
        pickled = unpack(dump(config(api_format)))
    assert b'env:DF_API_KEY' in pickled
    assert KEY.encode() not in pickled


@BOTH_FORMATS
def test_transform_is_pickled_without_the_key(tmp_path, api_format):
    pickled = unpack(pickler.dumps(EditImages(api_format=api_format, cache_path=str(tmp_path))))
    assert b'env:DF_API_KEY' in pickled
    assert KEY.encode() not in pickled


@BOTH_FORMATS
def test_graph_of_the_whole_job_holds_no_key(tmp_path, api_format):
    job = parse_args([f'--api_format={api_format}', f'--cache_path={tmp_path}'])
    root = beam.Pipeline(job.runner, options=PipelineOptions(list(job.beam_options)))
    build_pipeline(root, job)
    graph = unpack(root.to_runner_api().SerializeToString())
    assert b'env:DF_API_KEY' in graph
    assert KEY.encode() not in graph
    assert KEY not in repr(job)


def test_options_hold_no_key(tmp_path):
    job = parse_args([f'--cache_path={tmp_path}', '--save_main_session'])
    options = PipelineOptions(list(job.beam_options))
    views = [options.view_as(kind) for kind in (StandardOptions, SetupOptions, GoogleCloudOptions)]
    shown = [options.get_all_options(), options.display_data(), *(view.display_data() for view in views)]
    shown += [[item.get_dict() for item in DisplayData.create_from(options).items]]
    assert 'save_main_session' in repr(shown)
    assert KEY not in repr(shown) + repr(options) + repr(views)


@BOTH_FORMATS
def test_transform_shows_no_key(tmp_path, api_format):
    transform = EditImages(api_format=api_format, cache_path=str(tmp_path))
    shown = [item.get_dict() for item in DisplayData.create_from(transform).items]
    assert KEY not in repr(transform) + str(transform) + transform.default_label() + repr(shown) + repr(vars(transform))


@BOTH_FORMATS
def test_nothing_that_holds_the_key_shows_it(config, api_format):
    endpoint = Endpoint(load_format(api_format), api_format, 'http://127.0.0.1:1', KEY)
    with closing(HttpClient(1, 1.0, 1.0)) as http, closing(Editor(config(api_format))) as editor:
        client = ApiClient(endpoint, http)
        for one in (endpoint, client, http, editor, editor.config, *vars(http).values(), *vars(client).values()):
            assert KEY not in f'{one!r} {one}'
        assert KEY not in repr(vars(http)) + repr(vars(client)) + repr(vars(editor))
        assert KEY not in repr(vars(http._connections)) + repr(vars(http._connections._session))
