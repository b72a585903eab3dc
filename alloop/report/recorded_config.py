"""Tell a damaged config in a journal from a defect of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError

from alloop.config import CampaignConfig
from alloop.journal.journal import JournalError


@contextmanager
def blaming_config(config: Mapping[str, Any]) -> Iterator[None]:
    """Turn an error into one line if the recorded config is not valid; every other error stays what it is.

    A config of an older alloop is not valid either where keys have changed; it is shown as long as that works.

    Raises
    ------
    JournalError
        If something could not be shown and the config has a wrong value.
    """
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        try:
            CampaignConfig.model_validate(dict(config))
        except ValidationError as found:
            first = found.errors(include_input=False, include_url=False)[0]
            key = ".".join(str(part) for part in first["loc"])
            what = (
                f"the config in the journal has a wrong value ({key}: {first['msg']}); restore the journal from a copy"
            )
            raise JournalError(what) from error
        raise
