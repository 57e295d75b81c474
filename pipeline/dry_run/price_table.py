"""The price table: of when it is.

The package bears no date; its entries name the days on which prices changed or were looked up.
"""

import re
from collections.abc import Iterator
from datetime import date

_DAY = re.compile(r'\b20\d\d-\d\d-\d\d\b')
_PROVIDERS = {'gemini': 'google', 'openai': 'openai'}


def price_table_date(api_format: str, today: date | None = None) -> date | None:
    """The latest day that the table names for a provider's models, up to today; None if it names none.

    Args:
        api_format: `gemini` or `openai`.
        today: the day to judge by; None: the calendar's.
    """
    from genai_prices.data import providers

    provider = next((provider for provider in providers if provider.id == _PROVIDERS[api_format]), None)
    days = (day for model in (provider.models if provider else ()) for day in _days_of(model))
    return max((day for day in days if day <= (today or date.today())), default=None)


def _days_of(model: object) -> Iterator[date]:
    constraints = [getattr(price, 'constraint', None) for price in _as_list(getattr(model, 'prices', None))]
    days = [str(getattr(constraint, 'start_date', '')) for constraint in constraints]
    for day in _DAY.findall(' '.join([getattr(model, 'price_comments', None) or '', *days])):
        try:
            yield date.fromisoformat(day)
        except ValueError:
            continue


def _as_list(prices: object) -> list[object]:
    return prices if isinstance(prices, list) else []
