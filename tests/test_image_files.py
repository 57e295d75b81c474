"""Image files: no purchase ever takes the place of another, or of a file that is not ours, whatever crashes.

An image that is overwritten has been paid for and is gone.
"""

import hashlib
import uuid

import pytest

from beam_image_edit.transforms.errors import StorageError
from beam_image_edit.transforms.image_files import find_damage, store_images
from beam_image_edit.transforms.pictures import PictureInfo
from beam_image_edit.transforms.storage import Storage
from tests.faulty_storage import Crash, FaultyStorage

KEY, OTHER = 'a1b2c3d4' * 8, 'ffeeddcc' * 8
MIMES = {'png': 'image/png', 'jpg': 'image/jpeg', 'webp': 'image/webp'}


@pytest.fixture(params=['local', 'memory'])
def storage(request, tmp_path):
    return Storage(str(tmp_path) if request.param == 'local' else f'memory://{uuid.uuid4().hex}')


def image(content=b'image', extension='png'):
    return content, PictureInfo(extension.upper(), MIMES[extension], extension, 64, 48)


def store(storage, key, name, images, first=0):
    return [stored.path for stored in store_images(storage, key, name, first, images)]


def files(storage, folder='sample_0'):
    return {name: storage.read(f'{folder}/{name}') for name in storage.list(folder)}


def test_an_image_is_described_and_its_bytes_are_kept(storage):
    (stored,) = store_images(storage, KEY, 'sample_0', 0, [image(b'the bytes', 'jpg')])
    assert storage.read('sample_0/sample_0_0.jpg') == b'the bytes'
    assert stored.path == 'sample_0/sample_0_0.jpg'
    assert (stored.bytes, stored.width, stored.height, stored.mime) == (9, 64, 48, 'image/jpeg')
    assert stored.sha256 == hashlib.sha256(b'the bytes').hexdigest()


def test_several_images_are_numbered_on_from_the_first(storage):
    images = [image(b'0'), image(b'1', 'jpg'), image(b'2', 'webp')]
    assert store(storage, KEY, 'sample_7', images, first=2) == [
        'sample_7/sample_7_2.png',
        'sample_7/sample_7_3.jpg',
        'sample_7/sample_7_4.webp',
    ]
    assert set(files(storage, 'sample_7').values()) == {b'0', b'1', b'2'}


def test_turns_share_the_folder(storage):
    assert store(storage, KEY, 'sample_0', [image(b'0'), image(b'1')]) == [
        'sample_0/sample_0_0.png',
        'sample_0/sample_0_1.png',
    ]
    assert store(storage, OTHER, 'sample_0', [image(b'2')], first=2) == ['sample_0/sample_0_2.png']


def test_a_name_that_another_purchase_has_gets_the_keys_digits(storage):
    store(storage, KEY, 'sample_0', [image(b'first')])
    assert store(storage, OTHER, 'sample_0', [image(b'second', 'jpg')]) == ['sample_0-ffeeddcc/sample_0-ffeeddcc_0.jpg']
    assert files(storage) == {'sample_0_0.png': b'first'}


def test_a_purchase_moves_as_a_whole_and_gives_back_what_it_does_not_use(storage):
    store(storage, KEY, 'sample_0', [image(b'first')], first=1)
    assert store(storage, OTHER, 'sample_0', [image(), image()]) == [
        'sample_0-ffeeddcc/sample_0-ffeeddcc_0.png',
        'sample_0-ffeeddcc/sample_0-ffeeddcc_1.png',
    ]
    assert store(storage, 'third' * 8, 'sample_0', [image()]) == ['sample_0/sample_0_0.png']


def test_names_that_differ_in_case_alone_are_one_name(storage):
    store(storage, KEY, 'sample_Cat', [image(b'first')])
    assert store(storage, OTHER, 'sample_cat', [image(b'second')]) == ['sample_cat-ffeeddcc/sample_cat-ffeeddcc_0.png']


def test_images_that_are_nobodys_are_kept(storage):
    storage.write('sample_0/sample_0_0.jpg', b'of another tool')
    storage.write('sample_0-a1b2c3d4/sample_0-a1b2c3d4_0.png', b'of a ledger that was thrown away')
    assert store(storage, KEY, 'sample_0', [image()]) == ['sample_0-a1b2c3d4-2/sample_0-a1b2c3d4-2_0.png']
    assert files(storage) == {'sample_0_0.jpg': b'of another tool'}
    assert store(storage, OTHER, 'sample_0', [image()], first=1) == ['sample_0/sample_0_1.png']


def test_storing_again_is_the_same(storage):
    images = [image(b'0'), image(b'1')]
    assert store(storage, KEY, 'sample_0', images) == store(storage, KEY, 'sample_0', images)
    assert files(storage) == {'sample_0_0.png': b'0', 'sample_0_1.png': b'1'}


@pytest.mark.parametrize(
    ('left', 'images', 'expected'),
    [
        ([image(b'old')], [image(b'new')], {'sample_0_0.png': b'new'}),
        ([image(b'old', 'jpg')], [image(b'new')], {'sample_0_0.png': b'new'}),
        ([image(b'old')] * 3, [image(b'new', 'webp')], {'sample_0_0.webp': b'new'}),
        ([image(b'old')], [image(b'new')] * 2, {'sample_0_0.png': b'new', 'sample_0_1.png': b'new'}),
    ],
    ids=['same', 'other extension', 'fewer', 'more'],
)
def test_what_a_crashed_attempt_left_is_replaced(storage, left, images, expected):
    store(storage, KEY, 'sample_0', left)
    store(storage, KEY, 'sample_0', images)
    assert files(storage) == expected
    # Names that are not needed any more can be had by the row's next turn.
    assert store(storage, OTHER, 'sample_0', [image(b'next')], first=len(images))[0].startswith('sample_0/')


def test_leftovers_are_removed_when_the_purchase_has_to_move(storage):
    store(storage, KEY, 'sample_0', [image(b'old')])
    store(storage, OTHER, 'sample_0', [image(b'kept')], first=1)
    assert store(storage, KEY, 'sample_0', [image(b'new')] * 2)[0].startswith('sample_0-a1b2c3d4/')
    assert files(storage) == {'sample_0_1.png': b'kept'}


@pytest.mark.parametrize('writes', range(8))
def test_after_a_crash_at_any_write_the_next_attempt_leaves_only_its_own(tmp_path, writes):
    storage = FaultyStorage(str(tmp_path))
    store(storage, KEY, 'sample_0', [image(b'first', 'jpg')] * 2)
    storage.left = writes
    with pytest.raises(Crash):
        store(storage, KEY, 'sample_0', [image(b'second')] * 4)
    store(storage, KEY, 'sample_0', [image(b'third', 'webp')])
    assert files(storage) == {'sample_0_0.webp': b'third'}
    store(storage, OTHER, 'sample_0', [image(b'next')] * 3, first=1)
    assert len(files(storage)) == 4


@pytest.mark.parametrize('writes', range(7))
def test_after_a_crash_while_giving_names_back_they_are_given_back(tmp_path, writes):
    storage = FaultyStorage(str(tmp_path))
    store(storage, KEY, 'sample_0', [image(b'first')] * 4)
    storage.left = writes
    with pytest.raises(Crash):
        store(storage, KEY, 'sample_0', [image(b'second')])
    store(storage, KEY, 'sample_0', [image(b'third')])
    assert files(storage) == {'sample_0_0.png': b'third'}
    assert store(storage, OTHER, 'sample_0', [image(b'next')] * 3, first=1)[-1] == 'sample_0/sample_0_3.png'


def test_a_name_can_not_lead_out_of_the_folder(storage):
    with pytest.raises(StorageError, match='no path below'):
        store_images(storage, KEY, '../sample_0', 0, [image()])


def test_a_file_in_the_folders_place_is_kept(storage):
    storage.write('sample_0', b'of another tool')
    assert store(storage, KEY, 'sample_0', [image()]) == ['sample_0-a1b2c3d4/sample_0-a1b2c3d4_0.png']
    storage.write('sample_1-a1b2c3d4', b'of another tool')
    storage.write('sample_1', b'of another tool')
    assert store(storage, KEY, 'sample_1', [image()]) == ['sample_1-a1b2c3d4-2/sample_1-a1b2c3d4-2_0.png']
    assert storage.read('sample_0') == storage.read('sample_1') == b'of another tool'


@pytest.mark.parametrize('content', [None, b'', b'garbage', b'\xff' * 64], ids=['folder', 'empty', 'garbage', 'bytes'])
def test_a_claim_that_can_not_be_read_is_somebody_elses(tmp_path, content):
    storage = Storage(str(tmp_path))
    store(storage, KEY, 'sample_0', [image(b'first')])
    (claim,) = tmp_path.glob('ledger/names/*/*.txt')
    claim.unlink()
    claim.mkdir() if content is None else claim.write_bytes(content)
    assert store(storage, KEY, 'sample_0', [image(b'again')]) == ['sample_0-a1b2c3d4/sample_0-a1b2c3d4_0.png']
    assert files(storage) == {'sample_0_0.png': b'first'}


def test_images_as_they_were_stored_are_not_damaged(storage):
    stored = store_images(storage, KEY, 'sample_0', 0, [image(b'0'), image(b'1')])
    assert find_damage(storage, stored) is find_damage(storage, stored, is_reading=True) is None
    assert find_damage(storage, ()) is None


@pytest.mark.parametrize(
    ('content', 'is_reading', 'expected'),
    [
        (None, False, 'is gone'),
        (b'', False, 'has 0 bytes instead of 5'),
        (b'longer', False, 'has 6 bytes instead of 5'),
        (b'other', False, None),
        (b'other', True, 'has been altered: its sha256 is d9298a10d1b0'),
    ],
    ids=['gone', 'empty', 'longer', 'altered, not read', 'altered, read'],
)
def test_damage_is_found_and_named(storage, content, is_reading, expected):
    stored = store_images(storage, KEY, 'sample_0', 0, [image(b'whole'), image(b'image')])
    storage.delete('sample_0/sample_0_1.png')
    if content is not None:
        storage.write('sample_0/sample_0_1.png', content)
    damage = find_damage(storage, stored, is_reading)
    if expected is None:
        assert damage is None
    else:
        assert damage.startswith(f'{storage.root}/sample_0/sample_0_1.png was bought, but {expected}')


def test_a_folder_in_an_images_place_is_damage(tmp_path):
    storage = Storage(str(tmp_path))
    stored = store_images(storage, KEY, 'sample_0', 0, [image()])
    (tmp_path / stored[0].path).unlink()
    (tmp_path / stored[0].path).mkdir()
    assert find_damage(storage, stored) == f'{tmp_path}/sample_0/sample_0_0.png was bought, but is gone'


@pytest.mark.parametrize('content', [None, b'altered'], ids=['gone', 'altered'])
def test_images_stored_again_take_the_place_of_damaged_ones(storage, content):
    first = store_images(storage, KEY, 'sample_0', 0, [image(b'first'), image(b'second')])
    other = store_images(storage, OTHER, 'sample_0', 2, [image(b'next turn')])
    storage.delete(first[0].path)
    if content is not None:
        storage.write(first[0].path, content)
    again = store_images(storage, KEY, 'sample_0', 0, [image(b'bought again'), image(b'and its other')])
    assert [stored.path for stored in again] == [stored.path for stored in first]
    assert find_damage(storage, (*again, *other), is_reading=True) is None
    assert len(files(storage)) == 3


@pytest.mark.parametrize('writes', range(2))
def test_a_damaged_image_is_whole_or_as_it_was_after_a_crash_at_its_repair(tmp_path, writes):
    storage = FaultyStorage(str(tmp_path))
    (stored,) = store_images(storage, KEY, 'sample_0', 0, [image(b'first')])
    storage.write(stored.path, b'altered')
    storage.left = writes
    if writes == 0:
        with pytest.raises(Crash):
            store(storage, KEY, 'sample_0', [image(b'repaired')])
    else:
        store(storage, KEY, 'sample_0', [image(b'repaired')])
    assert files(storage) == {'sample_0_0.png': b'altered' if writes == 0 else b'repaired'}
