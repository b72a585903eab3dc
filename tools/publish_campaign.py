"""Write what is published of a campaign into a folder of the repository, and read it back.

    python -m tools.publish_campaign runs/NAME runs/li3incl6/published

The folder then holds the archive of which report and export are made again, and what most readers want of it: report,
tables and figures as numbers, dataset and model with its card. Other files in it are left alone.
"""

from __future__ import annotations

import argparse
import lzma
import shutil
import tarfile
import tempfile
from pathlib import Path

from alloop.commands.outputs import (
    DATASET_FILE,
    FIGURES_FOLDER,
    REPORT_FILE,
    Extras,
    write_export,
    write_figures,
    write_report,
)
from alloop.outputs.archive import ARCHIVE_FILE
from alloop.outputs.readme import PROVENANCE_FILE
from alloop.reading import read

TABLES = ("*.csv", "*.json", "studies/*.csv")
WHOLE = (ARCHIVE_FILE, PROVENANCE_FILE, "leader.model")


def publish(campaign: Path, folder: Path) -> None:
    """Write archive, report, tables, dataset and model of a campaign into a folder."""
    found = read(campaign)
    folder.mkdir(parents=True, exist_ok=True)
    write_report(found, folder / REPORT_FILE)
    write_figures(found, folder / FIGURES_FOLDER, "csv")
    with tempfile.TemporaryDirectory() as place:
        export = Path(place)
        write_export(found, export, Extras(archive=True))
        tables = {path for pattern in TABLES for path in export.glob(pattern)}
        for path in sorted(tables | {export / name for name in WHOLE}):
            target = folder / path.relative_to(export)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)
        packed = lzma.compress((export / DATASET_FILE).read_bytes(), preset=9)
        (folder / f"{DATASET_FILE}.xz").write_bytes(packed)


def unpack(folder: Path, place: Path) -> Path:
    """Unpack the archive of a published campaign below a place, and return the campaign's folder."""
    with tarfile.open(folder / ARCHIVE_FILE) as archive:
        name = archive.getnames()[0].split("/")[0]
        archive.extractall(place, filter="data")
    return place / name


def main() -> None:
    """Publish the campaign that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    publish(asked.campaign, asked.folder)


if __name__ == "__main__":
    main()
