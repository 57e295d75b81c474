"""An editor's configuration: all that a worker needs to know, checked before anything starts."""

import json
import re
from dataclasses import asdict, dataclass, field, replace

from beam_image_edit.transforms.api_keys import DEFAULT_REFERENCE, check_reference
from beam_image_edit.transforms.attribute_kinds import check_kinds
from beam_image_edit.transforms.budget import MAX_USD, Budget
from beam_image_edit.transforms.clients import DEFAULT_MODELS, load_format
from beam_image_edit.transforms.clients.payloads import join_base_url
from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.file_systems import StorageOptions, check_storage_options
from beam_image_edit.transforms.limits.places import Limits
from beam_image_edit.transforms.prices import CallSize, Price, find_price
from beam_image_edit.transforms.reruns import check_retried
from beam_image_edit.transforms.retries import RetryPolicy
from beam_image_edit.transforms.rows import Parameters, RowFields
from beam_image_edit.transforms.storage import Storage

_ADDRESS = re.compile(r'[^\s/@]+:\d{1,5}')


@dataclass(frozen=True, slots=True)
class EditorConfig:
    """All that an editor needs to know; travels to the workers, so it holds no key.

    Attributes:
        api_format: `gemini` or `openai`.
        cache_path: where everything is written.
        model_name: the format's default if None.
        api_key: a reference to the key; see `api_keys`.
        base_url: the format's default if None.
        run_id: the run whose calls these are.
        max_in_flight: calls in flight at the most, per process.
        max_memory_mb: for the pictures of requests and answers, in megabytes, per process; calls wait for it.
        connect_timeout_s: seconds until a connection must stand.
        read_timeout_s: seconds until an answer begins, and then until it is whole.
        retry_policy: how often a call is tried.
        fields: the names of the rows' fields.
        parameters: what is asked of the API, where a row does not say otherwise.
        is_retrying_in_doubt: whether a call whose answer an earlier run lost is sent again.
        is_reading_all_inputs: whether input images are read again though size and time are unchanged.
        is_decoding_inputs: whether the pixels of input images are decoded to see that they are whole.
        image_root: the only folder from which local images are read; None: any.
        retried: which of `reruns.RETRIABLE` an earlier run's calls are sent again for.
        is_checking_images: whether images that are bought are read and compared.
        is_repairing: whether images that were bought, and are gone or altered, are bought again.
        max_failure_share: of the rows that calls were sent for, 0 to 1; when more fail, the run is stopped.
        max_cost_usd: the most to spend, over all runs on the cache path; None: no limit.
        price_per_image: in dollars, in place of the known prices of tokens.
        requests_per_minute: the account's limit of calls, for the whole job; None: not known.
        images_per_minute: its limit of images, as requests_per_minute.
        rate_limit_service: where a service is asked before each call, `host:port`; see `limits.service`.
        is_matching_aspect: whether a row that names neither is given the aspect ratio or size nearest to its image's.
        workers: by how many the limits are divided: machines, which can't tell each other of their calls.
        storage_options: of file systems; see `file_systems`.
        probe: a file that is there for every worker that shares the cache path; see `probes`. None: not looked for.
    """

    api_format: str
    cache_path: str
    model_name: str | None = None
    api_key: str = DEFAULT_REFERENCE
    base_url: str | None = None
    run_id: str = ''
    max_in_flight: int = 16
    max_memory_mb: int = 1024
    connect_timeout_s: float = 30.0
    read_timeout_s: float = 300.0
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    fields: RowFields = field(default_factory=RowFields)
    parameters: Parameters = field(default_factory=Parameters)
    is_retrying_in_doubt: bool = True
    is_reading_all_inputs: bool = False
    is_decoding_inputs: bool = False
    image_root: str | None = None
    retried: tuple[str, ...] = ()
    is_checking_images: bool = False
    is_repairing: bool = False
    max_failure_share: float | None = None
    max_cost_usd: float | None = None
    price_per_image: float | None = None
    requests_per_minute: float | None = None
    images_per_minute: float | None = None
    rate_limit_service: str | None = None
    is_matching_aspect: bool = False
    workers: int = 1
    storage_options: StorageOptions | None = None
    probe: str | None = None

    def __post_init__(self) -> None:
        """Refuses what can't work, before anything starts."""
        check_kinds(self)
        api_format = load_format(self.api_format)
        check_reference(self.api_key)
        if self.base_url:
            join_base_url(self.base_url, api_format.default_base_url)
        check_storage_options(self.storage_options or {})
        if not self.cache_path:
            raise ConfigurationError('cache_path must not be empty')
        for name, least in (
            ('max_in_flight', 1),
            ('max_memory_mb', 1),
            ('workers', 1),
            ('connect_timeout_s', 0.001),
            ('read_timeout_s', 0.001),
        ):
            if not getattr(self, name) >= least:  # not a number is not >= anything
                raise ConfigurationError(f'{name} must be >= {least}, got {getattr(self, name)}')
        if self.rate_limit_service is not None and not _ADDRESS.fullmatch(self.rate_limit_service):
            raise ConfigurationError(f'rate_limit_service must be host:port, got {self.rate_limit_service!r}')
        check_retried(self.retried)
        if self.max_failure_share is not None and not 0 <= self.max_failure_share <= 1:
            raise ConfigurationError(f'max_failure_share must be from 0 to 1, got {self.max_failure_share}')
        if self.price_per_image is not None:
            self.find_price()
        self.budget()
        _ = self.limits

    def open_storage(self) -> Storage:
        """The cache path.

        Raises:
            ConfigurationError: as Storage.
        """
        return Storage(self.cache_path, self.storage_options)

    @property
    def limits(self) -> Limits:
        """What the account may be asked for in a minute."""
        return Limits(self.requests_per_minute, self.images_per_minute)

    @property
    def model(self) -> str:
        """The model's name."""
        return self.model_name or DEFAULT_MODELS[self.api_format]

    @property
    def policy(self) -> RetryPolicy:
        """How often a call is tried; under a budget nothing is sent again that was, or may have been, paid for."""
        if self.max_cost_usd is None:
            return self.retry_policy
        return replace(self.retry_policy, max_ambiguous_retries=0, max_no_image_retries=0)

    def find_price(self) -> Price | None:
        """The model's price; None if it is not known."""
        return find_price(self.api_format, self.model, self.price_per_image)

    def budget(self) -> Budget | None:
        """What may be spent; None: no limit.

        Raises:
            ConfigurationError: it can't be kept, since the model's price is not known.
        """
        if self.max_cost_usd is None:
            return None
        if not 0 <= self.max_cost_usd <= MAX_USD:
            raise ConfigurationError(f'max_cost_usd must be from 0 to {MAX_USD:,}, got {self.max_cost_usd}')
        price = self.find_price()
        if price is None:
            raise ConfigurationError(
                f'max_cost_usd needs a price, and that of {self.model} is not known: give --price_per_image'
            )
        if not price.worst_case_usd(CallSize(0, (), 1)):
            raise ConfigurationError(
                'max_cost_usd limits nothing if an image costs nothing: give the real --price_per_image'
            )
        return Budget(self.max_cost_usd, price)

    @property
    def identity(self) -> str:
        """Equal for two configurations that can share an editor."""
        return json.dumps(asdict(self), sort_keys=True)
