"""An editor's configuration: all that a worker needs to know, checked before anything starts."""

import json
from dataclasses import asdict, dataclass, field

from beam_image_edit.transforms.api_keys import DEFAULT_REFERENCE, check_reference
from beam_image_edit.transforms.clients import DEFAULT_MODELS, load_format
from beam_image_edit.transforms.clients.payloads import join_base_url
from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.retries import RetryPolicy
from beam_image_edit.transforms.rows import Parameters, RowFields


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
        connect_timeout_s: seconds until a connection must stand.
        read_timeout_s: seconds until an answer begins, and then until it is whole.
        retry_policy: how often a call is tried.
        fields: the names of the rows' fields.
        parameters: what is asked of the API, where a row does not say otherwise.
        is_retrying_in_doubt: whether a call whose answer an earlier run lost is sent again.
        is_reading_all_inputs: whether input images are read again though size and time are unchanged.
    """

    api_format: str
    cache_path: str
    model_name: str | None = None
    api_key: str = DEFAULT_REFERENCE
    base_url: str | None = None
    run_id: str = ''
    max_in_flight: int = 16
    connect_timeout_s: float = 30.0
    read_timeout_s: float = 300.0
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    fields: RowFields = field(default_factory=RowFields)
    parameters: Parameters = field(default_factory=Parameters)
    is_retrying_in_doubt: bool = True
    is_reading_all_inputs: bool = False

    def __post_init__(self) -> None:
        """Refuses what can't work, before anything starts."""
        api_format = load_format(self.api_format)
        check_reference(self.api_key)
        if self.base_url:
            join_base_url(self.base_url, api_format.default_base_url)
        if not self.cache_path:
            raise ConfigurationError('cache_path must not be empty')
        for name, least in (('max_in_flight', 1), ('connect_timeout_s', 0.001), ('read_timeout_s', 0.001)):
            if getattr(self, name) < least:
                raise ConfigurationError(f'{name} must be >= {least}, got {getattr(self, name)}')

    @property
    def model(self) -> str:
        """The model's name."""
        return self.model_name or DEFAULT_MODELS[self.api_format]

    @property
    def identity(self) -> str:
        """Equal for two configurations that can share an editor."""
        return json.dumps(asdict(self), sort_keys=True)
