"""How far the fits of a rung differ that begin alike or from different members, and how far they are off.

    python -m benchmarks.rung_beginnings runs/CAMPAIGN --rungs 24 48 --fits 4

A finished campaign with a teacher or a foundation lends labels and taught members; its folder is copied. The fits of
each rung are made as by earlier rules, all from the leader with different seeds, and as by today's, each from a member.
They are judged on the held-out frames of the campaign.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from alloop.config.campaign import CampaignConfig
from alloop.decisions.charter import Charter
from alloop.decisions.fit_requests import rung_fit
from alloop.reading import ReadCampaign, read
from alloop.tasks.contract.fit import FitRequest
from alloop.tasks.workspace import Workspace
from benchmarks.architectures import done
from benchmarks.truth import Floats, force_errors

BEGINNINGS = {"the leader": 4, "members": 5}
"""Rules by which fits begin there."""


@dataclass(frozen=True, eq=False)
class Fits:
    """The fits of a rung that begin in one way.

    Attributes
    ----------
    models : tuple of str
        Their names.
    errors_eV_per_A : ndarray, shape (fits, atoms, 3)
        Predicted minus labelled forces on the held-out frames.
    """

    models: tuple[str, ...]
    errors_eV_per_A: Floats

    @property
    def rmse(self) -> Floats:
        """Force RMSE of each fit (meV/Å)."""
        return np.asarray(1000 * np.sqrt(np.mean(self.errors_eV_per_A**2, axis=(1, 2))))

    @property
    def spread(self) -> float:
        """Standard deviation of a force component between fits (meV/Å, root mean square)."""
        return float(1000 * np.sqrt(np.mean(np.var(self.errors_eV_per_A, axis=0, ddof=1))))


def fits_of(campaign: ReadCampaign, workspace: Workspace, size: int, fits: int, rules: int) -> Fits:
    """Fit a rung and return its fits, judged on the held-out frames."""
    state = campaign.state
    assert state.created is not None
    charter = replace(Charter.of(state.created, CampaignConfig.model_validate(state.config)), rules=rules)
    requests = [rung_fit(charter, state, state.rungs[size], number) for number in range(fits)]
    models = tuple(_standing(request, workspace) or done(request, workspace) for request in requests)
    frames = campaign.labels("heldout")
    errors = [force_errors(model, frames, workspace, requests[0].dtype) for model in models]
    return Fits(models, np.array(errors))


def _standing(request: FitRequest, workspace: Workspace) -> str | None:
    """Return the model of a fit that the campaign made itself."""
    result = workspace.read("fit", request.key())
    return f"fit:{request.key()}" if result is not None and result.status == "ok" else None


def table(found: dict[tuple[int, str], Fits]) -> Iterator[str]:
    """Yield the table of force errors in Markdown."""
    yield "| labels | fits begin with | force RMSE, meV/Å | a force differs between fits by, meV/Å |"
    yield "|--:|---|---|--:|"
    for (size, beginning), fits in found.items():
        yield f"| {size} | {beginning} | {', '.join(f'{value:.1f}' for value in fits.rmse)} | {fits.spread:.1f} |"


def main() -> None:
    """Fit, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", type=Path)
    parser.add_argument("--rungs", type=int, nargs="+", required=True)
    parser.add_argument("--fits", type=int, default=4)
    told = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "campaign"
        shutil.copytree(told.campaign, root)
        campaign, workspace = read(root), Workspace(root)
        found = {
            (size, beginning): fits_of(campaign, workspace, size, told.fits, rules)
            for size in told.rungs
            for beginning, rules in BEGINNINGS.items()
        }
        print(*table(found), sep="\n", flush=True)


if __name__ == "__main__":
    main()
