"""File systems: options reach the right one, and hold no secrets."""

import sys

import pytest
from fsspec.registry import _registry

from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.file_systems import check_storage_options, open_filesystem


def test_options_reach_the_file_system_of_their_protocol_alone(tmp_path):
    options = {'s3': {'endpoint_url': 'http://minio:9000', 'anon': True}, 'file': {'auto_mkdir': True}}
    s3, path = open_filesystem('s3://bucket/a/b', options)
    assert (s3.endpoint_url, s3.anon, path) == ('http://minio:9000', True, 'bucket/a/b')
    assert open_filesystem(f'file://{tmp_path}', options)[0].auto_mkdir
    assert not hasattr(open_filesystem('memory://a', options)[0], 'endpoint_url')


@pytest.mark.parametrize('url', ['s3://bucket/a', 's3a://bucket/a', 'gs://bucket/a'])
def test_listings_are_not_kept(url):
    assert not open_filesystem(url)[0].dircache.use_listings_cache


@pytest.mark.parametrize(
    ('url', 'package', 'extra'),
    [
        ('s3://bucket/a', 's3fs', 's3'),
        ('gs://bucket/a', 'gcsfs', 'gcs'),
        ('abfs://box@account.dfs.core.windows.net/a', 'adlfs', 'azure'),
    ],
)
def test_missing_package_is_an_error_that_names_the_extra(monkeypatch, url, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(_registry, url.partition(':')[0], raising=False)
    with pytest.raises(ConfigurationError, match=rf'pip install {package} .*beam-image-edit\[{extra}\]'):
        open_filesystem(url)


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'s3': {}},
        {'s3': {'anon': True, 'profile': 'team', 'client_kwargs': {'region_name': 'eu-west-1'}}},
        {'s3': {'s3_additional_kwargs': {'ServerSideEncryption': 'aws:kms', 'SSEKMSKeyId': 'alias/photos'}}},
        {'gs': {'project': 'shop', 'requester_pays': True}, 'abfs': {'account_name': 'shop', 'credential': None}},
    ],
)
def test_options_without_secrets_are_taken(options):
    check_storage_options(options)


@pytest.mark.parametrize(
    ('options', 'place'),
    [
        ({'s3': {'key': 'hidden'}}, 's3.key'),
        ({'s3': {'secret': 'hidden'}}, 's3.secret'),
        ({'s3': {'client_kwargs': {'aws_secret_access_key': 'hidden'}}}, 's3.client_kwargs.aws_secret_access_key'),
        ({'s3': {'s3_additional_kwargs': {'SSECustomerKey': 'hidden'}}}, 's3.s3_additional_kwargs.SSECustomerKey'),
        ({'gs': {'token': {'private': 'hidden'}}}, 'gs.token'),
        ({'abfs': {'account_key': 'hidden'}}, 'abfs.account_key'),
        ({'abfs': {'sas_token': 'hidden'}}, 'abfs.sas_token'),
        ({'abfs': {'connection_string': 'hidden'}}, 'abfs.connection_string'),
        ({'abfs': {'credential': 'hidden'}}, 'abfs.credential'),
        ({'sftp': {'password': 'hidden'}}, 'sftp.password'),
        ({'webhdfs': {'headers': [{'Authorization': 'hidden'}]}}, 'webhdfs.headers.Authorization'),
        ({'s3': {'endpoint_url': 'https://me:hidden@minio'}}, 's3.endpoint_url'),
        ({'az': {'account_url': 'https://me.blob.core.windows.net?sv=1&sig=hidden'}}, 'az.account_url'),
    ],
)
def test_secrets_are_refused_and_not_shown(options, place):
    with pytest.raises(
        ConfigurationError, match=f'{place} looks like one.* FSSPEC_{place.split(".")[0].upper()}'
    ) as told:
        check_storage_options(options)
    assert 'hidden' not in str(told.value)


@pytest.mark.parametrize(
    'options', [{'endpoint_url': 'hidden'}, {'s3': 'hidden'}, ['hidden'], {'s33': {'a': 'hidden'}}]
)
def test_options_that_are_not_by_protocol_are_refused(options):
    with pytest.raises(ConfigurationError, match='protocol') as told:
        check_storage_options(options)
    assert 'hidden' not in str(told.value)
