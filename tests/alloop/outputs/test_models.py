from __future__ import annotations

import numpy as np
import pytest

from alloop.files.canonical_json import content_key
from alloop.journal.journal import JournalError
from alloop.outputs.models import ExportError, choose_models, export_models
from alloop.potential.models.model_files import write_model
from alloop.state.fold import fold
from alloop.tasks.workspace import Workspace
from tests.support.journals import play
from tests.support.models import lithium_chloride, small_model


def fit(purpose: str) -> str:
    return f"fit:{content_key(purpose)}"


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    folder = tmp_path_factory.mktemp("campaign")
    entries, workspace = play(folder), Workspace(folder)
    for seed, purpose in enumerate(("fit/r48/f0", "fit/g9/m1", "fit/g9/m2", "fit/g8/m0")):
        write_model(workspace.model_path(fit(purpose)), small_model(seed))
    return entries, workspace


def energy(path) -> float:
    from alloop.potential.mace_api import MACECalculator

    atoms = lithium_chloride()
    atoms.calc = MACECalculator(model_paths=str(path), device="cpu", default_dtype="float32")
    return atoms.get_potential_energy()


def test_the_leader_of_the_last_rung_runs_in_maces_calculator(campaign, tmp_path):
    entries, workspace = campaign
    (model,) = export_models(workspace, fold(entries), tmp_path, committee=False)
    assert [path.name for path in tmp_path.iterdir()] == ["leader.model"]
    assert np.isfinite(energy(model))


def test_the_committee_of_the_last_rung_is_several_different_models(campaign, tmp_path):
    entries, workspace = campaign
    models = export_models(workspace, fold(entries), tmp_path / "new" / "folder", committee=True)
    assert [path.name for path in models] == ["member-0.model", "member-1.model", "member-2.model"]
    assert len({round(energy(path), 5) for path in models}) == 3


def test_before_the_first_rung_the_newest_leader_is_exported(campaign):
    entries, _ = campaign
    fitted = next(n for n, e in enumerate(entries) if getattr(e.event, "purpose", "") == "fit/g0/m2") + 2
    upto = next(n for n in range(fitted, len(entries)) if fold(entries[:n]).active() is not None)
    state = fold(entries[:upto])
    (leader,) = choose_models(state, committee=False)
    assert (leader.model, leader.generation, leader.rung) == (fit("fit/g0/m0"), 0, None)
    assert len(choose_models(state, committee=True)) == 3


def test_a_committee_is_exported_only_whole(campaign):
    entries, _ = campaign
    for upto in range(0, len(entries), 11):
        state = fold(entries[:upto])
        assert len(choose_models(state, committee=True)) in (0, 3)


def test_without_a_model_the_error_is_one_line(campaign, tmp_path):
    entries, workspace = campaign
    with pytest.raises(JournalError, match=r"no model is fitted yet; continue the campaign") as caught:
        export_models(workspace, fold(entries[:20]), tmp_path / "out", committee=False)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_lost_or_damaged_model_file_is_one_line(campaign, tmp_path):
    entries, _ = campaign
    workspace = Workspace(tmp_path / "elsewhere")
    with pytest.raises(ExportError, match="cannot be exported"):
        export_models(workspace, fold(entries), tmp_path / "out", committee=False)
    path = workspace.model_path(fit("fit/r48/f0"))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"nonsense")
    with pytest.raises(ExportError, match="is not a model file") as caught:
        export_models(workspace, fold(entries), tmp_path / "out", committee=False)
    assert "\n" not in str(caught.value)


def test_a_target_that_is_a_file_is_refused(campaign, tmp_path):
    entries, workspace = campaign
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ExportError, match="is a file"):
        export_models(workspace, fold(entries), tmp_path / "file", committee=False)
    assert (tmp_path / "file").read_text() == "mine"
