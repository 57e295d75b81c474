"""Draws the example pictures: `python -m beam_image_edit.pipeline.examples.draw FOLDER`.

The pictures are shipped; this is for changing them. It takes a quarter of an hour on two cores, and the same NumPy and
Pillow draw the same pictures. For a quick look, give a scale: `--scale 0.3`.
"""

import argparse
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from beam_image_edit.pipeline.examples.drawing.emblem import draw_emblem
from beam_image_edit.pipeline.examples.drawing.handbag import draw_handbag, draw_handbag_mask
from beam_image_edit.pipeline.examples.drawing.lake import draw_lake
from beam_image_edit.pipeline.examples.drawing.mug import draw_mug
from beam_image_edit.pipeline.examples.drawing.street import draw_street
from beam_image_edit.pipeline.examples.drawing.tulips import draw_tulips

Draw = Callable[[float], Image.Image]
"""Draws a picture at a scale; 1 is the size that is shipped."""


def _scene(draw: Callable[[tuple[int, int], int], Image.Image], width: int, height: int, samples: int) -> Draw:
    return lambda scale: draw((round(width * scale), round(height * scale)), samples)


PICTURES: Mapping[str, Draw] = {
    'mug.jpg': _scene(draw_mug, 832, 624, 40),
    'emblem.png': lambda scale: draw_emblem(round(448 * scale)),
    'tulips.webp': _scene(draw_tulips, 560, 700, 24),
    'handbag.png': _scene(draw_handbag, 640, 640, 40),
    'handbag_mask.png': _scene(draw_handbag_mask, 640, 640, 4),
    'lake.jpg': _scene(draw_lake, 960, 600, 8),
    'street.webp': _scene(draw_street, 960, 640, 8),
}
_SAVE_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    '.jpg': {'quality': 90, 'optimize': True},
    '.png': {'optimize': True},
    '.webp': {'quality': 88, 'method': 6},
}


def save_picture(name: str, folder: Path, scale: float = 1.0) -> Path:
    """Draws one picture into a folder, as the kind of file that its name's ending says."""
    path = folder / name
    PICTURES[name](scale).save(path, **_SAVE_OPTIONS[path.suffix])
    return path


def main() -> None:
    """Draws all pictures, or those named, at once on all cores."""
    parser = argparse.ArgumentParser(description='Draws the example pictures.')
    parser.add_argument('folder', type=Path, help='where to write them')
    parser.add_argument('names', nargs='*', metavar='name', help=f'which ones, of {", ".join(PICTURES)}; default all')
    parser.add_argument('--scale', type=float, default=1.0, help='of the width and height; default 1')
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(PICTURES))
    if unknown:
        parser.error(f'no picture is named {unknown[0]}; use one of {", ".join(PICTURES)}')
    options.folder.mkdir(parents=True, exist_ok=True)
    names = options.names or list(PICTURES)
    with ProcessPoolExecutor() as pool:
        drawings = [pool.submit(save_picture, name, options.folder, options.scale) for name in names]
        for drawing in drawings:
            drawing.result()


if __name__ == '__main__':
    main()
