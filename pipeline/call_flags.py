"""The flags of the calls: how they are tried, how fast, for how much money, and what they ask for."""

from typing import Any

from beam_image_edit.pipeline.flag_types import (
    add_switch,
    dollars,
    json_object,
    names,
    per_minute,
    seconds,
    share,
    text,
    whole_number,
)
from beam_image_edit.transforms.api_keys import DEFAULT_REFERENCE
from beam_image_edit.transforms.reruns import RETRIABLE
from beam_image_edit.transforms.retries import RetryPolicy


def add_call_flags(group: Any) -> None:
    """Tries and timeouts."""
    policy = RetryPolicy()
    group.add_argument(
        '--api_key',
        type=text,
        default=DEFAULT_REFERENCE,
        metavar='REFERENCE',
        help='where the workers find the API key, never the key itself: env:NAME, file:PATH_OR_URL or '
        'gcp-secret:projects/P/secrets/S/versions/N',
    )
    group.add_argument(
        '--max_attempts',
        type=whole_number(1),
        default=policy.max_attempts,
        help='tries of a call, all kinds of failures counted but quotas, for which calls wait',
    )
    group.add_argument(
        '--max_ambiguous_retries',
        type=whole_number(0),
        default=policy.max_ambiguous_retries,
        help='further tries of a call that may have been billed although its answer was lost',
    )
    group.add_argument(
        '--max_no_image_retries',
        type=whole_number(0),
        default=policy.max_no_image_retries,
        help='further tries of a call that was answered without an image',
    )
    group.add_argument(
        '--in_doubt',
        choices=('retry', 'skip'),
        default='retry',
        help='what to do with calls that were in flight when an earlier run crashed, and may have been billed',
    )
    group.add_argument('--connect_timeout_s', type=seconds, default=30.0, help='seconds until a connection must stand')
    group.add_argument(
        '--read_timeout_s',
        type=seconds,
        default=300.0,
        help='seconds until an answer begins, and then until it is whole',
    )


def add_limit_flags(group: Any) -> None:
    """How many calls at a time, and how fast."""
    group.add_argument('--max_in_flight', type=whole_number(1), default=16, help='calls in flight, per worker process')
    group.add_argument(
        '--max_memory_mb',
        type=whole_number(1),
        default=1024,
        metavar='MB',
        help='memory for the pictures of requests and answers, per worker process; calls wait for it',
    )
    group.add_argument(
        '--requests_per_minute',
        type=per_minute,
        metavar='N',
        help="the account's limit of calls, for the whole job; if not given, it is found out",
    )
    group.add_argument(
        '--images_per_minute',
        type=per_minute,
        metavar='N',
        help="the account's limit of images, for the whole job; if not given, it is found out",
    )
    group.add_argument(
        '--rate_limit_service',
        type=text,
        metavar='HOST:PORT',
        help='a service that keeps the limits of many machines, by the protocol of Envoy',
    )


def add_money_flags(group: Any) -> None:
    """What may be spent, and on what again."""
    group.add_argument(
        '--max_cost_usd',
        type=dollars,
        metavar='USD',
        help='the most to spend, over all runs with the same --cache_path; each call counts with the most that it can '
        'cost, so give --price_per_image too if you know it',
    )
    group.add_argument(
        '--price_per_image',
        type=dollars,
        metavar='USD',
        help='what an image costs; if not given, the published prices of tokens',
    )
    group.add_argument(
        '--max_failure_share',
        type=share,
        metavar='SHARE',
        help='stop when more than this share of the rows that were sent, 0 to 1, is not edited; after 20 rows',
    )
    group.add_argument(
        '--retry',
        type=names(*RETRIABLE),
        default=(),
        metavar='STATUSES',
        help=f'ask again for what earlier runs have left as {" or ".join(RETRIABLE)}, such as {",".join(RETRIABLE)}',
    )
    add_switch(group, '--check_images', help='read every image that is bought and compare it; else only its size')
    add_switch(group, '--repair', help='buy again what was bought, if its image is gone or was altered')


def add_parameter_flags(group: Any) -> None:
    """What is asked of the API, where a row does not say otherwise."""
    group.add_argument('--n', type=whole_number(1, 10), help='images for each instruction, 1 to 10')
    add_switch(
        group,
        '--match_aspect',
        help="ask for the aspect ratio (Gemini) or size (OpenAI) that is nearest to a row's first image",
    )
    group.add_argument('--aspect_ratio', type=text, help='Gemini: such as 16:9')
    group.add_argument('--resolution', type=text, help='Gemini: 1K, 2K or 4K')
    group.add_argument('--size', type=text, help='OpenAI: such as 1536x1024')
    group.add_argument('--quality', type=text, help='OpenAI: such as low, medium, high')
    group.add_argument('--background', type=text, help='OpenAI: transparent, opaque or auto')
    group.add_argument('--output_format', type=text, help='OpenAI: png, jpeg or webp')
    group.add_argument('--output_compression', type=whole_number(0, 100), help='OpenAI: 0 to 100, for jpeg and webp')
    group.add_argument('--input_fidelity', type=text, help='OpenAI, older models: low or high')
    group.add_argument('--moderation', type=text, help='OpenAI: auto or low')
    add_switch(
        group,
        '--use_variations',
        default=None,
        help='OpenAI: variations, without an instruction',
    )
    group.add_argument('--extra_body', type=json_object, metavar='JSON', help='raw fields of the API, merged in last')
