import io
import json

import numpy as np
import pytest
from ase.calculators.emt import EMT
from rich.console import Console

from alloop.commands import rehearsal_labels
from alloop.commands.label_timing import LabelTimingError, TimedLabel, time_label
from alloop.commands.rehearsal_labels import probed_labels
from alloop.config import load_config
from alloop.config.teacher import TeacherConfig
from alloop.materials.structure import Structure
from alloop.status.forecast import Gap
from tests.support.campaigns import write_config

STRANGER = TeacherConfig.model_validate({"model": {"calculator": "stranger:Calculator"}})
OFF = {"campaign": 0.0, "answered": 0.05, "stranger": 0.15}
"""What each adds to every force (eV/Å)."""


@pytest.fixture
def loaded(tmp_path):
    return load_config(write_config(tmp_path))


@pytest.fixture
def frame(loaded):
    """A held-out frame as the rehearsal's teacher labelled it."""
    (system,) = loaded.config.systems
    atoms = read_system(loaded)
    atoms.set_array("REF_forces", np.full((len(atoms), 3), OFF["answered"]))
    atoms.info["system"] = system.name
    return atoms


def read_system(loaded):
    (structure,) = rehearsal_labels.read_systems(loaded).values()
    return structure.to_atoms()


@pytest.fixture
def asked(loaded, monkeypatch):
    """Stand in for labels: who was asked for one, and whether of a rattled copy."""
    asked = []

    def label(structure, config, *, rattle=True):
        who = "campaign" if config.label == loaded.config.label else "stranger"
        asked.append((who, rattle))
        row = (OFF[who],) * 3
        return TimedLabel(2.5, (row,) * len(structure.numbers))

    monkeypatch.setattr(rehearsal_labels, "time_label", label)
    return asked


def held_out(monkeypatch, *frames):
    monkeypatch.setattr(rehearsal_labels, "_heldout_frames", lambda root: {f.info["system"]: f for f in frames})


def probed(loaded, root, taught_by=STRANGER, given_s=None):
    return probed_labels(loaded, taught_by, given_s, root, Console(file=io.StringIO()))


def test_the_gaps_are_those_of_one_heldout_frame(loaded, frame, asked, monkeypatch, tmp_path):
    held_out(monkeypatch, frame)
    found = probed(loaded, tmp_path)
    assert asked == [("campaign", False), ("stranger", False)]
    assert found.seconds == {frame.info["system"]: 2.5}
    assert found.gap.campaign_meV_per_A == pytest.approx(50)
    assert found.gap.rehearsal_meV_per_A == pytest.approx(100)
    assert found.gap.ratio == pytest.approx(0.5)


def test_taught_by_nobody_or_by_itself_only_the_time_is_known(loaded, frame, asked, monkeypatch, tmp_path):
    held_out(monkeypatch, frame)
    found = probed(loaded, tmp_path, taught_by=None)
    assert (asked, found.gap) == ([("campaign", False)], None)


def test_without_a_heldout_frame_a_rattled_copy_is_timed(loaded, asked, monkeypatch, tmp_path):
    held_out(monkeypatch)
    found = probed(loaded, tmp_path)
    assert (asked, found.gap) == ([("campaign", True)], None)


def test_a_time_that_the_user_gave_asks_for_no_label(loaded, frame, asked, monkeypatch, tmp_path):
    held_out(monkeypatch, frame)
    found = probed(loaded, tmp_path, given_s=8.0)
    assert (asked, found.gap, set(found.seconds.values())) == ([], None, {8.0})


def test_a_label_that_fails_is_told_with_the_option_that_gives_its_time(loaded, monkeypatch, tmp_path):
    def fail(*arguments, **options):
        raise LabelTimingError("no GPAW here")

    monkeypatch.setattr(rehearsal_labels, "time_label", fail)
    held_out(monkeypatch)
    found = probed(loaded, tmp_path)
    assert found.seconds is None
    assert found.unknown.endswith("failed (no GPAW here); give its time with --label-s")


def test_a_teacher_that_refuses_the_frame_costs_only_the_gap(loaded, frame, asked, monkeypatch, tmp_path):
    stand_in = rehearsal_labels.time_label

    def refuse(structure, config, **options):
        if config.label != loaded.config.label:
            raise LabelTimingError("forces: too large")
        return stand_in(structure, config, **options)

    monkeypatch.setattr(rehearsal_labels, "time_label", refuse)
    held_out(monkeypatch, frame)
    assert probed(loaded, tmp_path).gap is None


def test_what_an_earlier_forecast_holds_is_not_computed_again(loaded, frame, asked, monkeypatch, tmp_path):
    held_out(monkeypatch, frame)
    known = {"label": loaded.config.label.model_dump(mode="json"), "label_s": {frame.info["system"]: 3.0}}
    gap = {"campaign_meV_per_A": 54.0, "rehearsal_meV_per_A": 120.0, "frames": 1}
    (tmp_path / "rehearsal.json").write_text(json.dumps(known | {"gap": gap}))
    assert probed(loaded, tmp_path).gap == Gap(54.0, 120.0, 1)
    (tmp_path / "rehearsal.json").write_text(json.dumps(known))
    assert probed(loaded, tmp_path).gap is None
    assert asked == []


def test_a_label_of_a_frame_has_its_forces(loaded, frame):
    """In a process of its own, by the real label engine."""
    found = time_label(Structure.from_atoms(frame), loaded.config, rattle=False)
    frame.calc = EMT(**loaded.config.label.arguments)
    assert found.seconds > 0
    assert np.allclose(found.forces_eV_per_A, frame.get_forces(), atol=1e-9)
