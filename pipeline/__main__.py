"""Starts the program: `beam-image-edit`, also `python -m beam_image_edit.pipeline`."""

import gc
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code, see `program.run`."""
    # Beam is half a million objects that all stay. To look for garbage among them while they come in takes a fifth of
    # the start, and to do so later, again and again, is as much in vain.
    gc.disable()
    from beam_image_edit.pipeline.program import run

    if not gc.get_freeze_count():
        gc.freeze()
    # A row leaves hardly any garbage that needs looking for, but makes objects by the thousand.
    gc.set_threshold(10_000, 20, 20)
    gc.enable()
    return run(sys.argv[1:] if argv is None else argv)


if __name__ == '__main__':
    sys.exit(main())
