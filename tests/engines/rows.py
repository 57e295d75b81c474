"""The rows that every engine gets: 300 of all kinds, some without hope, and the faults that some of them meet."""

import json

from PIL import Image

COUNT = 300
KINDS = 12  # repeated to the end

# Each happens to one row in 24 and is told apart by a word of the instruction.
FAULTS = [
    {'match': 'Unwelcome', 'fault': 'refused', 'times': None},
    {'match': 'Silent', 'fault': 'empty_data', 'times': None},
    {'match': 'Busy', 'fault': 'rate_limit', 'retry_after_s': 0, 'times': 1},
    {'match': 'Shaky', 'fault': 'status', 'status': 503, 'retry_after_s': 0, 'times': 2},
    {'match': 'Wrong', 'fault': 'status', 'status': 400, 'times': None},
]


def draw_inputs(folder):
    """Draws the pictures that the rows name: `a.png`, `b.jpg`, a mask for the first, and half a picture."""
    picture = Image.linear_gradient('L').resize((96, 64)).convert('RGB')
    picture.save(folder / 'a.png')
    picture.rotate(180).save(folder / 'b.jpg')
    Image.new('RGBA', (96, 64), (0, 0, 0, 0)).save(folder / 'mask.png')
    (folder / 'half.png').write_bytes((folder / 'a.png').read_bytes()[:200])


def write_rows(path):
    """Writes the rows as JSONL."""
    path.write_text(''.join(f'{_line(number)}\n' for number in range(COUNT)), encoding='utf-8')
    return path


def _line(number):
    kind = number % KINDS
    if kind == 0 and number % 5 == 0:
        return f'{{"images": "a.png", "conversations": [{number}'
    row = {'images': 'a.png', 'conversations': [f'Blur it {number} times'], 'price': number * 1.10}
    more = {
        1: {'images': ['a.png', 'b.jpg']},
        2: {'conversations': [f'Mirror it, {number}', f'Now invert it, {number}'], 'id': f'chat-{number}'},
        3: {'mask': 'mask.png'},
        4: {'n': 2},
        5: {'conversations': [f'Posterize it like row {number % 7}'], 'id': f'größe {number}'},
        6: {'conversations': [f'{("Unwelcome", "Silent")[number // KINDS % 2]} edit {number}']},
        7: {'conversations': [f'{("Busy", "Shaky")[number // KINDS % 2]} edit {number}']},
        8: {'images': ('missing.png', 'half.png')[number // KINDS % 2]},
        9: {'conversations': [{'from': 'human', 'value': f'<image>\nRotate it {number}'}], 'id': 'one name'},
        10: {'conversations': [f'{("Wrong", "Plain")[number // KINDS % 2]} edit {number}'], 'n': 1},
        11: {'conversations': ['Invert it'], 'variant': number % 5},
    }
    return json.dumps({**row, **more.get(kind, {})}, ensure_ascii=False)


def write_plain_rows(folder, count, files):
    """Writes rows that each cost one call, in so many files, which engines read on different workers; gives a glob."""
    Image.new('RGB', (64, 48), 'orange').save(folder / 'plain.png')
    for number in range(files):
        rows = [
            {'images': 'plain.png', 'conversations': [f'Blur it {row} times']} for row in range(number, count, files)
        ]
        (folder / f'plain-{number}.jsonl').write_text(''.join(f'{json.dumps(row)}\n' for row in rows))
    return folder / 'plain-*.jsonl'
