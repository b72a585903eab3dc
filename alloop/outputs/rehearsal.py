"""Files of a rehearsal: what it forecasts, and the campaign's config with these numbers filled in."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import yaml

from alloop.checks.sanity import labels_needed
from alloop.config.campaign import CampaignConfig
from alloop.config.loading import LoadedConfig, config_from_text
from alloop.config.science import FoundationFile
from alloop.files.durable import write_durably
from alloop.status.forecast import Forecast

FORECAST_FILE = "rehearsal.json"
HEADROOM = 1.2
"""Budget of core-hours over the forecast."""


def write_forecast(loaded: LoadedConfig, forecast: Forecast, folder: Path) -> tuple[Path, Path]:
    """Write the forecast and the config with its numbers into the folder of a rehearsal; return both files.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    told, config = folder / FORECAST_FILE, folder / f"{loaded.config.name}.rehearsed.yaml"
    facts = forecast.to_json() | {"label": loaded.config.label.model_dump(mode="json")}
    write_durably(told, (json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode())
    write_durably(config, filled_in(loaded, forecast).encode())
    config_from_text(config.read_text(encoding="utf-8"), config, folder)
    return told, config


def filled_in(loaded: LoadedConfig, forecast: Forecast) -> str:
    """Return the campaign's config as YAML, with ladder, budgets and lengths of production as rehearsals found them.

    Parameters
    ----------
    loaded : LoadedConfig
        The campaign's config; the paths of its files are written as absolute ones.
    forecast : Forecast
        Of at least one rehearsal.
    """
    config = loaded.config
    content = _with_whole_paths(loaded)
    for (section, key), value in _numbers(config, forecast).items():
        content[section] = (content.get(section) or {}) | {key: value}
    changes = ", ".join(f"{section}.{key}" for section, key in _numbers(config, forecast))
    head = f"# {config.name}: {changes} as {len(forecast.rehearsals)} rehearsal(s) found them\n"
    return head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def _numbers(config: CampaignConfig, forecast: Forecast) -> dict[tuple[str, str], Any]:
    """Return the values to fill in: rungs up to one after the last that converged, and what they take."""
    rungs, runs = config.ladder.rungs, forecast.rehearsals
    if forecast.converged:
        last = max(one.converged_at or 0 for one in runs)
        rungs = rungs[: sum(size <= last for size in rungs) + 1]
    labels = max(labels_needed(config, rungs[-1]) + max(one.failed for one in runs), max(one.bought for one in runs))
    found: dict[tuple[str, str], Any] = {("ladder", "rungs"): list(rungs), ("budget", "labels"): labels}
    if forecast.costs:
        each = max(cost.dft_core_hours / one.bought for cost, one in zip(forecast.costs, runs, strict=True))
        found["budget", "dft_core_hours"] = _rounded_up(HEADROOM * labels * each)
    lengths = [ps for one in runs for ps in one.production_ps.values()]
    if config.measure is not None and lengths:
        found["measure", "production_ps"] = max(lengths)
        found["measure", "max_ps"] = max(config.measure.max_ps, *lengths)
    return found


def _rounded_up(value: float) -> float:
    """Return a positive value rounded up to two digits.

    Examples
    --------
    >>> _rounded_up(0.1234), _rounded_up(1210.0)
    (0.13, 1300.0)
    """
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / unit) * unit:.2g}")


def _with_whole_paths(loaded: LoadedConfig) -> dict[str, Any]:
    """Return what the user wrote, with absolute paths."""
    config = loaded.config
    content = config.model_dump(mode="json", exclude_unset=True)
    for system in content["systems"]:
        system["structure"] = str(loaded.resolve(system["structure"]))
    for key in ("initial", "campaigns"):
        if names := content.get("data", {}).get(key):
            content["data"][key] = [str(loaded.resolve(name)) for name in names]
    if isinstance(foundation := config.potential.foundation, FoundationFile):
        content["potential"]["foundation"]["path"] = str(loaded.resolve(foundation.path))
    return content
