"""What a store promises, and what it is told: one that promises less than whole files with one creator is found out."""

import sys
import uuid
from typing import ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry

from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.storage import Storage


class Recording(MemoryFileSystem):
    protocol = 's3'
    arguments: ClassVar = []

    def pipe_file(self, path, value, mode='overwrite', **arguments):
        self.arguments.append((mode, arguments))
        super().pipe_file(path, value, mode=mode)


class Simple(fsspec.AbstractFileSystem):
    protocol = 'simple'
    files: ClassVar = {}

    def pipe_file(self, path, value, **_):
        self.files[path] = value

    def cat_file(self, path, start=None, end=None, **_):
        return self.files[path]

    def info(self, path, **_):
        if path not in self.files:
            raise FileNotFoundError(path)
        return {'size': len(self.files[path])}

    def rm_file(self, path):
        del self.files[path]


@pytest.mark.parametrize(
    ('path', 'content_type'),
    [
        ('a.json', 'application/json'),
        ('a.jsonl', 'application/jsonl'),
        ('a.parquet', 'application/vnd.apache.parquet'),
        ('sample_v1.2/a.png', 'image/png'),
        ('a.jpg', 'image/jpeg'),
        ('a.webp', 'image/webp'),
        ('a.unknown', None),
    ],
)
def test_object_stores_are_told_the_content_type(monkeypatch, path, content_type):
    monkeypatch.setitem(_registry, 's3', Recording)
    monkeypatch.setattr(Recording, 'arguments', [])
    storage = Storage(f's3://{uuid.uuid4().hex}')
    storage.write(path, b'')
    storage.delete(path)
    storage.create(path, b'')
    expected = {'ContentType': content_type} if content_type else {}
    assert Recording.arguments == [('overwrite', expected), ('create', expected)]


def test_stores_that_promise_nothing_are_exclusive_within_the_process(monkeypatch):
    monkeypatch.setitem(_registry, 'simple', Simple)
    storage = Storage('simple://bucket')
    assert storage.create('claim', b'first')
    assert not storage.create('claim', b'second')
    assert storage.read('claim') == b'first'
    assert not storage.is_exclusive()
    assert Simple.files == {'bucket/claim': b'first'}


def test_stores_that_ignore_the_condition_are_found_out(monkeypatch):
    monkeypatch.setitem(_registry, 's3', Simple)
    assert not Storage(f's3://{uuid.uuid4().hex}').is_exclusive()


@pytest.mark.parametrize('url', ['nosuch://bucket/x', 'gs://bucket/x'])
def test_unknown_protocols_are_refused(url, monkeypatch):
    monkeypatch.setitem(sys.modules, 'gcsfs', None)
    monkeypatch.delitem(_registry, 'gs', raising=False)
    with pytest.raises(ConfigurationError, match=r'nosuch|beam-image-edit\[gcs\]'):
        Storage(url)
