"""The methods paragraph of the report: every setting with its unit, and what to cite. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from alloop.report.blocks import Block, Code, Items, Paragraph, Section
from alloop.state.state import CampaignState
from alloop.status.foundation import foundation_facts
from alloop.status.numbers import finite, many
from alloop.status.reasons import counted_words
from alloop.status.summary import labels_by_why
from alloop.status.teacher import teacher_facts

HOW_METHODS = (
    "Made from the config and the journal of this campaign. Check it before you print it: it knows the settings, not "
    "why you chose them."
)
CITATIONS = {
    "gpaw": "GPAW: J. J. Mortensen et al., J. Chem. Phys. 160, 092503 (2024), doi:10.1063/5.0182685",
    "mace": "MACE: I. Batatia et al., Adv. Neural Inf. Process. Syst. 35 (2022), arXiv:2206.07697",
    "ase": "ASE: A. H. Larsen et al., J. Phys.: Condens. Matter 29, 273002 (2017), doi:10.1088/1361-648X/aa680e",
    "PBE": "PBE: J. P. Perdew et al., Phys. Rev. Lett. 77, 3865 (1996), doi:10.1103/PhysRevLett.77.3865",
    "PBEsol": "PBEsol: J. P. Perdew et al., Phys. Rev. Lett. 100, 136406 (2008), doi:10.1103/PhysRevLett.100.136406",
    "SCAN": "SCAN: J. Sun et al., Phys. Rev. Lett. 115, 036402 (2015), doi:10.1103/PhysRevLett.115.036402",
    "r2SCAN": "r2SCAN: J. W. Furness et al., J. Phys. Chem. Lett. 11, 8208 (2020), doi:10.1021/acs.jpclett.0c02405",
    "d3": "D3: S. Grimme et al., J. Chem. Phys. 132, 154104 (2010), doi:10.1063/1.3382344",
}

_FUNCTIONALS = {"MGGA_X_SCAN+MGGA_C_SCAN": "SCAN", "MGGA_X_R2SCAN+MGGA_C_R2SCAN": "r2SCAN"}
"""Names of libxc."""


def methods_section(state: CampaignState) -> tuple[Section, ...]:
    """Return the methods paragraph with its citations; nothing before the campaign began."""
    if state.created is None:
        return ()
    paragraphs = (_explored(state), _labels(state), _models(state), _stopped(state), _measured(state), _versions(state))
    blocks: tuple[Block, ...] = (
        Code("\n\n".join(paragraph for paragraph in paragraphs if paragraph), copy=True, wrap=True),
        Paragraph("", lead="To cite:"),
        Items(tuple(_citations(state))),
    )
    return (Section("methods", "Methods paragraph", blocks, HOW_METHODS),)


def _explored(state: CampaignState) -> str:
    assert state.created is not None
    explore = state.config.get("explore", {})
    systems = ", ".join(
        f"{one.name} ({one.structure.formula()}, {many(len(one.structure.numbers), 'atom')})"
        for one in state.created.systems
    )
    temperatures = ", ".join(f"{kelvin:g}" for kelvin in explore.get("temperatures_K", ()))
    ensemble = str(explore.get("ensemble", "nvt")).upper()
    pressure = f" and {_number(explore, 'pressure_GPa')} GPa" if ensemble == "NPT" else ""
    origins = counted_words(labels_by_why(state))
    return (
        f"The potential was trained by active learning with alloop on {systems}. Walkers moved by molecular dynamics "
        f"with the potential itself ({ensemble} at {temperatures} K{pressure}, time step {explore.get('timestep_fs')} "
        f"fs, friction {_number(explore, 'friction_per_fs')} 1/fs), {many(int(explore.get('replicas', 1)), 'walker')} "
        f"for each system and temperature, in segments of {_number(explore, 'segment_fs')} fs. "
        f"{_selected(state.config.get('select', {}))} "
        f"{many(state.labelled('train'), 'label')} could be trained on{f' ({origins})' if origins else ''}, and "
        f"{state.labelled('heldout')}, from molecular dynamics runs of their own, served for judging only"
        f"{_heldout(state.config.get('heldout', {}))}."
    )


def _heldout(heldout: Mapping[str, Any]) -> str:
    return (
        f" ({_number(heldout, 'fraction')} of the labels of a rung, at least {heldout.get('minimum')}; a frame "
        f"every {_number(heldout, 'segment_fs')} fs, after {_number(heldout, 'equilibration_fs')} fs where a run began "
        "at rest)"
    )


def _selected(select: Mapping[str, Any]) -> str:
    policy = select.get("policy", "disagreement")
    if policy != "disagreement":
        return f"Frames were selected for labelling by the policy {policy}."
    window = f"{_number(select, 'lower_eV_per_A')} and {_number(select, 'upper_eV_per_A')} eV/Å"
    return (
        f"Frames were selected for labelling, {select.get('batch')} at a time and at most {select.get('per_walker')} "
        f"of a segment, where the committee expected a force error between {window}; a share of "
        f"{_number(select, 'probe_fraction')} was drawn at random."
    )


def _labels(state: CampaignState) -> str:
    label = state.config.get("label", {})
    if label.get("engine") == "gpaw":
        return _gpaw(label)
    given = ", ".join(f"{key} = {value}" for key, value in label.get("arguments", {}).items()) or "default settings"
    return (
        f"Energies, forces and stresses were computed with the ASE calculator {label.get('calculator')} ({given}). "
        f"Labels with a force component above {_number(label, 'max_force_eV_per_A')} eV/Å were rejected. "
        f"{_gates(label)}"
    )


def _gates(label: Mapping[str, Any]) -> str:
    return (
        f"Frames with two atoms closer than {_number(label, 'min_contact')} sums of their covalent radii were not "
        f"labelled; isolated atoms were computed in boxes of {_number(label, 'isolated_atom_box_A')} Å."
    )


def _gpaw(label: Mapping[str, Any]) -> str:
    points = label.get("kpts", ())
    spacing = points.get("spacing_per_A") if isinstance(points, Mapping) else None
    centred = "Γ-centred" if label.get("gamma_centred") else "Monkhorst–Pack"
    grid = f"a {centred} grid of {' × '.join(map(str, points))} k-points"
    if spacing is not None:
        grid = f"{centred} grids with at most {spacing:g} 1/Å (2π included) between k-points"
    spin = "spin-polarised" if label.get("spin") else "without spin polarisation"
    dispersion = " with the D3 dispersion correction" if label.get("dispersion") == "d3" else ""
    charge = f", cell charge {label['charge']:+g} e" if label.get("charge") else ""
    further = f", {', '.join(f'{k} = {v}' for k, v in label['gpaw'].items())}" if label.get("gpaw") else ""
    return (
        f"Energies, forces and stresses were computed by density functional theory in GPAW ({label.get('xc')} "
        f"functional{dispersion}, projector-augmented waves, plane waves up to {_number(label, 'cutoff_eV')} eV, "
        f"{grid}, Fermi–Dirac smearing of {_number(label, 'smearing_eV')} eV, "
        f"{spin}{charge}{further}). Energies are force-consistent free energies. Labels with a force component above "
        f"{_number(label, 'max_force_eV_per_A')} eV/Å or an SCF that did not converge in {label.get('maxiter')} "
        f"iterations were rejected. {_gates(label)}"
    )


def _models(state: CampaignState) -> str:
    assert state.created is not None
    fit, potential = state.config.get("fit", {}), state.config.get("potential", {})
    foundation, teacher = foundation_facts(state.created), teacher_facts(state)
    start = "from random weights" if foundation is None else f"from the foundation {foundation['name']}"
    taught = ""
    if teacher is not None and teacher["frames"]:
        told = state.config.get("teacher") or {}
        taught = (
            f" The committee was first trained on {teacher['frames']} frames labelled by {teacher['name']} (rounds: "
            f"{told.get('rounds')}, steps: {told.get('steps')}, learning rate {_number(told, 'learning_rate')})."
        )
    shape = ", ".join(f"{key} {value}" for key, value in (potential.get("architecture") or {}).items())
    shape = f" ({shape})" if shape and foundation is None else ""
    return (
        f"A committee of {potential.get('committee')} MACE models{shape} was fitted {start}.{taught} Loss weights were "
        f"{_number(fit, 'energy_weight')} for energies per atom, {_number(fit, 'forces_weight')} for forces and "
        f"{_number(fit, 'stress_weight')} for stresses{_loss(fit)}; batches of {fit.get('batch_size')}, averaged "
        f"weights (decay {_number(fit, 'ema_decay')}), {potential.get('dtype', 'float32')} arithmetic"
        f"{_method(fit, foundation is not None)}. Members were fitted again every {fit.get('every_labels')} labels, "
        f"the leader to all and the others to bootstrap samples of them, in at most {_longest_refit(state)} steps, "
        f"fewer after {fit.get('patience')} checks without improvement.{_rung_fits(state)}"
    )


def _loss(fit: Mapping[str, Any]) -> str:
    if fit.get("loss") != "huber":
        return ""
    return f", in a loss that is linear beyond {_number(fit, 'huber_eV_per_A')} eV/Å"


def _method(fit: Mapping[str, Any], tuned: bool) -> str:
    method = str(fit.get("method", "naive"))
    replayed = " with pseudolabels" if method == "multihead" and fit.get("replay") == "pseudolabels" else ""
    return f", fine-tuned by the method {method}{replayed}" if tuned and method != "naive" else ""


def _longest_refit(state: CampaignState) -> int:
    """Return the longest schedule of a refit between rungs: some have more steps than the config says at most.

    These begin with random weights, far from the labels, or pass over many frames.
    """
    fits = [task for task in state.tasks.values() if task.task == "fit" and task.context.get("rung") is None]
    refits = [task.finished for task in fits if task.context.get("generation") is not None]
    taken = [int(finished.summary.get("steps", 0)) for finished in refits if finished is not None]
    return max([int(state.config.get("fit", {}).get("max_steps", 0)), *taken])


def _rung_fits(state: CampaignState) -> str:
    """Return the optimiser steps and first learning rate of the fits of each judged rung, as they were done."""
    said = []
    for size in _judged_sizes(state):
        models = set(state.rungs[size].models.values()) if size else set()
        tasks = [task for task in state.tasks.values() if task.task == "fit" and f"fit:{task.key}" in models]
        done = [task.finished.summary for task in tasks if task.finished is not None]
        steps = sorted({int(one["steps"]) for one in done if "steps" in one})
        rates = [row["learning_rate"] for one in done for row in one.get("history", ())]
        if steps and rates:
            said.append(f"{' to '.join(map(str, steps))} for {size} labels (learning rate {max(rates):.3g})")
    return f" Optimiser steps: {', '.join(said)}." if said else ""


def _judged_sizes(state: CampaignState) -> list[int]:
    return [int(row["size"]) for row in state.judged[-1].table] if state.judged else []


def _stopped(state: CampaignState) -> str:
    ladder, sizes = state.config.get("ladder", {}), [size for size in _judged_sizes(state) if size]
    words = state.verdict.verdict.replace("_", " ") if state.verdict else "not reached yet"
    compared = ""
    if len(sizes) > 1:
        own = ladder.get("policy", "ladder")
        how = f"two one-sided tests{_tolerances(ladder)}" if own == "ladder" else f"the policy {own}"
        compared = (
            f"Training sets of {', '.join(map(str, sizes))} labels, each fitted {ladder.get('fits')} times with "
            f"different seeds, were compared on the held-out frames by {how}. "
        )
    return f"{compared}Verdict: {words}."


def _tolerances(ladder: Mapping[str, Any]) -> str:
    return (
        f" (tolerances: {_number(ladder, 'tolerance_forces')} of the force RMSE, at least "
        f"{_number(ladder, 'floor_forces_meV_per_A')} meV/Å; {_number(ladder, 'tolerance_energy')} of the energy RMSE, "
        f"at least {_number(ladder, 'floor_energy_meV_per_atom')} meV/atom)"
    )


def _measured(state: CampaignState) -> str:
    """Return how transport was measured; nothing without a section ``measure``."""
    measure = state.config.get("measure")
    if not measure:
        return ""
    temperatures = ", ".join(f"{kelvin:g}" for kelvin in measure.get("temperatures_K", ()))
    repeat = measure.get("repeat")
    cell = f"cells of at least {_number(measure, 'min_width_A')} Å"
    if repeat:
        cell = f"{' × '.join(map(str, repeat))} cells"
    ladder = state.config.get("ladder", {})
    return (
        f"Transport of {measure.get('mobile')} was measured in molecular dynamics of every fit of a rung (thermostat "
        f"{measure.get('ensemble')}, at {temperatures} K, {cell}, time step {_number(measure, 'timestep_fs')} fs, "
        f"{_number(measure, 'production_ps')} to {_number(measure, 'max_ps')} ps after "
        f"{_number(measure, 'equilibration_ps')} ps; tolerances: "
        f"{_number(ladder, 'tolerance_activation_energy_eV')} eV of the activation energy and "
        f"{_number(ladder, 'tolerance_ln_sigma')} of ln σ at {_number(ladder, 'conductivity_at_K')} K)."
    )


def _versions(state: CampaignState) -> str:
    assert state.created is not None
    used = ", ".join(f"{name} {number}" for name, number in state.created.versions.items())
    code = ", ".join(f"{name} {number}" for name, number in state.code.items())
    return f"Versions: {used}. Code of the labels: {code}. Seed {state.config.get('seed')}."


def _number(section: Mapping[str, Any], key: str) -> str:
    value = finite(section.get(key))
    return "?" if value is None else f"{value:g}"


def _citations(state: CampaignState) -> Iterator[str]:
    assert state.created is not None
    label = state.config.get("label", {})
    if label.get("engine") == "gpaw":
        yield CITATIONS["gpaw"]
        functional = _FUNCTIONALS.get(str(label.get("xc")), label.get("xc"))
        if functional in CITATIONS:
            yield CITATIONS[functional]
    if label.get("dispersion") == "d3":
        yield CITATIONS["d3"]
    yield CITATIONS["mace"]
    yield CITATIONS["ase"]
    for what, facts in (("Foundation", foundation_facts(state.created)), ("Teacher", teacher_facts(state))):
        if facts is not None:
            cite = f": {facts['cite']}" if facts.get("cite") else ""
            licence = f" ({facts['licence']})" if facts.get("licence") else ""
            yield f"{what} {facts['name']}{licence}{cite}"
    sources = {frame.imported_from for frame in state.frames.values() if frame.imported_from}
    yield from (f"Labels imported from {source}" for source in sorted(sources))
