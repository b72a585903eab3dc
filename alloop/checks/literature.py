"""Read published points that a study stands its results beside."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from pydantic import ValidationError

from alloop.config.errors import KeyPath
from alloop.config.loading import LoadedConfig
from alloop.config.suggestions import hint
from alloop.materials.text_files import read_text
from alloop.tasks.contract.aimd import LiteraturePoint

NUMBERS = ("temperature_K", "conductivity_S_per_cm", "diffusivity_cm2_per_s", "error")
COLUMNS = ("label", *NUMBERS)
"""Columns of the file, in any order; `label`, `temperature_K` and one of the quantities must be there."""
MOST_BYTES = 1_000_000


def read_literature(loaded: LoadedConfig, key: KeyPath, name: str) -> tuple[LiteraturePoint, ...]:
    """Return the points of a CSV file that a key of the config names.

    Raises
    ------
    ConfigError
        If the file is missing, or a column or number in it cannot be used.
    """
    try:
        text = read_text(loaded.resolve(name), MOST_BYTES)
        if text is None:
            raise ValueError("is no text")
        return tuple(_points(csv.DictReader(io.StringIO(text), skipinitialspace=True)))
    except (OSError, OverflowError, ValueError, csv.Error) as error:
        raise loaded.error(key, f"`{name}`: {_words(error)}") from error


def _words(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _points(rows: csv.DictReader[str]) -> Iterator[LiteraturePoint]:
    names, known = list(rows.fieldnames or ()), f"known: {', '.join(COLUMNS)}"
    for column in names:
        if column not in COLUMNS:
            raise ValueError(f"unknown column `{column}`; {hint(column, COLUMNS, known)}")
    for column in ("label", "temperature_K"):
        if column not in names:
            raise ValueError(f"has no column `{column}`; the columns are {', '.join(COLUMNS)}")
    for row in rows:
        where = f"line {rows.line_num}"
        if None in row or None in row.values():
            raise ValueError(f"{where}: as many values as columns are needed, {len(names)}")
        yield _point({column: value.strip() for column, value in row.items() if value.strip()}, where)


def _point(told: dict[str, str], where: str) -> LiteraturePoint:
    try:
        point = LiteraturePoint.model_validate(told | {name: float(told[name]) for name in NUMBERS if name in told})
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{where}: `{first['loc'][0]}`: {first['msg'].lower()}") from None
    except ValueError:
        raise ValueError(f"{where}: a number is expected in every column but `label`") from None
    if (point.conductivity_S_per_cm is None) == (point.diffusivity_cm2_per_s is None):
        raise ValueError(f"{where}: needs either `conductivity_S_per_cm` or `diffusivity_cm2_per_s`")
    return point
