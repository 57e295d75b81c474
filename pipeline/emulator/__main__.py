"""The emulator's command: `python -m beam_image_edit.pipeline.emulator --port 8080`.

It says where it listens as soon as it does, and runs until it gets SIGTERM or SIGINT. In the background of a script,
where shells let SIGINT be ignored, it goes on through a Ctrl-C: the job in the foreground still waits for its answers.
"""

import argparse
import contextlib
import signal
import sys
import threading
from collections.abc import Sequence

from beam_image_edit.pipeline.emulator.server import Emulator


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the flags, which have the names of the settings."""
    parser = argparse.ArgumentParser(
        prog='python -m beam_image_edit.pipeline.emulator',
        description='Both image-edit APIs on loopback: Gemini generateContent and OpenAI images/edits.',
        allow_abbrev=False,
    )
    parser.add_argument('--host', default='127.0.0.1', help='the address to listen at')
    parser.add_argument('--port', type=int, default=0, help='0: any free one')
    parser.add_argument('--latency_s', type=float, default=0.0, help='how long every edit takes')
    parser.add_argument('--latency_tail', default='', metavar='SHARE:SECONDS', help='0.1:5: one in ten takes 5 s')
    parser.add_argument('--faults', default='[]', metavar='FILE|JSON', help='what is to go wrong: a list of rules')
    parser.add_argument('--api_key', help='the only key that is taken; without it any is')
    parser.add_argument('--requests_per_minute', type=int, help='a quota, answered with 429')
    parser.add_argument('--max_concurrent', type=int, help='a quota of calls in progress, answered with 429')
    parser.add_argument('--pixels', default='', metavar='WxH', help='the size of all pictures, such as 1024x1024')
    parser.add_argument('--image_bytes', type=int, default=0, metavar='N', help='pad pictures to at least N bytes')
    parser.add_argument('--fast', action='store_true', help='ready-made pictures, images not looked into')
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until a signal comes; the exit code is 2 for flags that make no sense and for a port that is taken."""
    with contextlib.suppress(ImportError):  # HEIC is decoded where its package is installed
        import pillow_heif

        pillow_heif.register_heif_opener()
    is_over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: is_over.set())
    try:
        with Emulator(**vars(parse_arguments(arguments))) as emulator:
            print(f'listening on {emulator.url}', flush=True)  # noqa: T201 - the line that callers wait for
            is_over.wait()
    except (ValueError, OSError) as error:
        print(f'emulator: {error}', file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
