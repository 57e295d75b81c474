"""Bundles: how much of a job an engine may take at a time, where it cuts bundles by a clock of its own.

At the end of a bundle all of its calls must be done, and the window of calls in flight runs empty. Flink ends one after
a second or ten, which is less than one image takes: most of the time nothing would be in flight.
"""

from beam_image_edit.transforms.runners import engine_name

WINDOWS = 10
# An image takes up to a minute, so ten windows of them take up to ten.
_WINDOW_S = 60


def bundle_options(runner: str, max_in_flight: int) -> tuple[str, ...]:
    """Options that make a bundle hold ten windows of calls, for engines that would cut it smaller.

    An element is a block of rows, but one row can fill a block: so many elements are ten windows at the least.

    >>> bundle_options('FlinkRunner', 16)
    ('--max_bundle_size=160', '--max_bundle_time_mills=600000')
    >>> bundle_options('SparkRunner', 16)
    ()
    """
    if engine_name(runner) != 'FlinkRunner':
        return ()
    return f'--max_bundle_size={WINDOWS * max_in_flight}', f'--max_bundle_time_mills={WINDOWS * _WINDOW_S * 1000}'
