"""What other programs call the keys of a config: their users know what they want, and not what it is called here."""

from __future__ import annotations

_EXECUTOR = "execution.executors.NAME"

MACE = {
    "r_max": "potential.architecture.cutoff_A",
    "num_channels": "potential.architecture.channels",
    "hidden_irreps": "potential.architecture.channels and max_L; 32x0e + 32x1o is `channels: 32` and `max_L: 1`",
    "num_interactions": "potential.architecture.layers",
    "num_radial_basis": "potential.architecture.radial_functions",
    "foundation_model": "potential.foundation",
    "foundation_head": "potential.foundation, as `{name, head}`",
    "default_dtype": "potential.dtype",
    "lr": "fit.learning_rate",
    "max_num_epochs": "fit.epochs; a schedule counts steps, see fit.max_steps and fit.rung_steps too",
    "eval_interval": "fit.check_every_steps, in optimiser steps",
    "valid_batch_size": "fit.batch_size",
    "huber_delta": "fit.huber_eV_per_A",
    "multiheads_finetuning": "fit.method, as `multihead`",
    "pseudolabel_replay": "fit.replay, as `pseudolabels`",
    "lora": "fit.method, as `lora`",
    "freeze": "fit.method, as `frozen`, and fit.frozen",
    "compute_stress": "fit.stress_weight; more than 0 fits stresses",
    "virials_weight": "fit.stress_weight; labels have a stress",
    "train_file": "data.initial",
    "pt_train_file": "data.initial with `reference: other`",
    "valid_fraction": "heldout.fraction",
    "num_workers": f"{_EXECUTOR}.workers",
    "wandb_project": "monitor.wandb.project",
    "wandb_entity": "monitor.wandb.entity",
    "work_dir": "no key: `alloop run CONFIG --folder FOLDER` names the folder",
    "restart_latest": "no key: the same command again continues",
    "e0s": "no key: the label engine computes the isolated atoms",
    "valid_file": "no key: the campaign labels held-out frames of its own, see heldout",
    "test_file": "no key: the campaign labels held-out frames of its own, see heldout",
    "virials_key": "data.stress_key; the stress in eV/Å³, not the virial",
    "swa": "no key: a schedule ends by itself",
    "start_swa": "no key: a schedule ends by itself",
    "stage_two": "no key: a schedule ends by itself",
    "scheduler": "no key: a schedule ends by itself",
    "ema": "fit.ema_decay; 0 switches it off",
    "mlp_irreps": "no key: alloop sets it",
    "radial_mlp": "no key: alloop sets it",
    "num_cutoff_basis": "no key: alloop sets it",
    "gate": "no key: alloop sets it",
    "scaling": "no key: alloop sets it",
    "avg_num_neighbors": "no key: it is computed from the frames",
    "atomic_numbers": "no key: the systems say it",
    "optimizer": "no key: alloop sets it",
    "amsgrad": "no key: alloop sets it",
    "weight_decay": "no key: alloop sets it",
    "clip_grad": "no key: alloop sets it",
}
AIMS_PAX = {
    "ensemble_size": "potential.committee",
    "num_trajectories": "explore.replicas, per system and temperature",
    "desired_acc": "ladder.tolerance_forces: whether more data still changes the answer",
    "c_x": "select.lower_eV_per_A and upper_eV_per_A, expected errors of a force",
    "uncertainty_type": "select.policy",
    "max_md_steps": "explore.segment_fs, in femtoseconds",
    "skip_step_mlff": "explore.check_every_steps",
    "skip_step_initial": "initial.frames: rattled copies, no dynamics",
    "n_points_per_sampling_step_idg": "initial.frames",
    "max_train_set_size": "ladder.rungs",
    "max_initial_set_size": "initial.frames",
    "valid_ratio": "heldout.fraction",
    "epochs_per_worker": "fit.epochs",
    "intermediate_epochs_al": "fit.epochs",
    "max_initial_epochs": "fit.epochs",
    "valid_skip": "fit.check_every_steps",
    "initial_sampling": "teacher",
    "foundational_model": "teacher, or potential.foundation",
    "stat_ensemble": "explore.ensemble",
    "friction": "explore.friction_per_fs, per femtosecond",
    "path_to_geometry": "systems, each with `name` and `structure`",
    "species_dir": "label: the engine and its settings",
    "create_restart": "no key: the same command again continues",
    "slurm_str": f"{_EXECUTOR}, with `kind: slurm` and its keys",
    "worker_str": f"{_EXECUTOR}.worker_init",
    "launch_str": f"{_EXECUTOR}.mpi_command",
    "parsl_options": "execution.executors",
    "active_learning": "the sections explore, select, fit and heldout",
    "initial_dataset_generation": "initial, or teacher",
    "md": "explore",
    "cluster": "execution.executors",
}
DP_GEN = {
    "type_map": "no key: the systems say it",
    "mass_map": "no key: the systems say it",
    "sys_configs": "systems, each with `name` and `structure`",
    "init_data_sys": "data.initial, as extxyz",
    "numb_models": "potential.committee",
    "default_training_param": "potential.architecture and fit",
    "model_devi_dt": "explore.timestep_fs, in femtoseconds",
    "model_devi_skip": "explore.check_every_steps",
    "model_devi_f_trust_lo": "select.lower_eV_per_A, an expected error",
    "model_devi_f_trust_hi": "select.upper_eV_per_A, an expected error",
    "model_devi_jobs": "explore: temperatures_K, pressure_GPa, segment_fs",
    "temps": "explore.temperatures_K",
    "press": "explore.pressure_GPa, in gigapascals",
    "nsteps": "explore.segment_fs, in femtoseconds",
    "trj_freq": "explore.check_every_steps",
    "fp_style": "label.engine",
    "fp_task_max": "select.batch",
    "fp_task_min": "select.batch",
    "fp_params": "label",
    "fp_incar": "label.arguments, with `engine: ase` and `calculator: ase.calculators.vasp:Vasp`",
    "fp_pp_path": "label.gpaw.setups, or the environment of the calculator",
    "machine": "execution.executors",
}
VASP = {
    "encut": "label.cutoff_eV",
    "ediff": "label.gpaw.convergence",
    "sigma": "label.smearing_eV, of Fermi and Dirac",
    "ismear": "label.smearing_eV, of Fermi and Dirac",
    "ispin": "label.spin",
    "magmom": "label.magmoms, by element",
    "nelm": "label.maxiter",
    "gga": "label.xc",
    "metagga": "label.xc",
    "ivdw": "label.dispersion, as `d3`",
    "isym": "label.point_group_symmetry",
    "nbands": "label.gpaw.nbands",
    "kspacing": "label.kpts, as `{spacing_per_A: …}`",
    "kpoints": "label.kpts, a grid",
    "potim": "explore.timestep_fs",
    "nsw": "explore.segment_fs, in femtoseconds",
    "tebeg": "explore.temperatures_K",
    "teend": "explore.temperatures_K",
    "pstress": "explore.pressure_GPa; 1 kbar is 0.1 GPa",
    "ncore": f"{_EXECUTOR}.ranks_per_label",
    "npar": f"{_EXECUTOR}.ranks_per_label",
}
OTHERS = {
    "dt": "explore.timestep_fs",
    "time_step": "explore.timestep_fs",
    "temp": "explore.temperatures_K",
    "temperature": "explore.temperatures_K",
    "ecut": "label.cutoff_eV",
    "ecutwfc": "label.cutoff_eV; 1 Ry is 13.6057 eV",
    "degauss": "label.smearing_eV; 1 Ry is 13.6057 eV",
    "k_points": "label.kpts",
    "functional": "label.xc",
    "members": "potential.committee",
    "models": "potential.committee",
    "n_models": "potential.committee",
    "file": "systems[].structure",
    "supercell": "systems[].repeat",
    "sizes": "ladder.rungs",
    "n_workers": f"{_EXECUTOR}.workers",
    "max_workers": f"{_EXECUTOR}.workers",
    "time": f"{_EXECUTOR}.walltime",
    "type": f"{_EXECUTOR}.kind",
    "calculator": "label.engine",
}
_PROGRAMS = {"MACE": MACE, "aims-PAX": AIMS_PAX, "DP-GEN": DP_GEN, "VASP": VASP, "": OTHERS}


def key_here(foreign: str) -> str | None:
    """Return the last part of the key that a foreign name stands for, or None.

    Examples
    --------
    >>> key_here("r_max"), key_here("ENCUT"), key_here("swa")
    ('cutoff_A', 'cutoff_eV', None)
    """
    place = _known(foreign)[1].partition(";")[0].partition(",")[0]
    return None if not place or " " in place else place.rpartition(".")[2]


def explain_foreign(foreign: str) -> str | None:
    """Return what a foreign name is called here, or why it has no key; None if no program is known to use it.

    Examples
    --------
    >>> explain_foreign("num_channels")
    '`num_channels` of MACE is here potential.architecture.channels'
    >>> explain_foreign("type_map")
    '`type_map` of DP-GEN has here no key: the systems say it'
    """
    program, place = _known(foreign)
    if not place:
        return None
    name = f"`{foreign}` of {program}" if program else f"`{foreign}`"
    return f"{name} {'has' if place.startswith('no key') else 'is'} here {place}"


def in_short(foreign: str) -> str | None:
    """Return the same in a few words.

    Examples
    --------
    >>> in_short("max_num_epochs"), in_short("swa"), in_short("nonsense")
    ('`max_num_epochs` is fit.epochs', '`swa` has no key', None)
    """
    place = _known(foreign)[1].partition(";")[0]
    if not place:
        return None
    return f"`{foreign}` has no key" if place.startswith("no key") else f"`{foreign}` is {place}"


def _known(foreign: str) -> tuple[str, str]:
    for program, keys in _PROGRAMS.items():
        if place := keys.get(foreign.lower()):
            return program, place
    return "", ""
