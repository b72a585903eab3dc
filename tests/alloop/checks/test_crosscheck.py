import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from alloop.checks.crosscheck import cross_check
from alloop.config import ConfigError, load_config
from tests.support.configs import BASE, Folder

STRUCTURE = "structure: structures/LiCl.extxyz"
A64 = "a" * 64
EXECUTOR = "local: {kind: local, workers: 2}"


def ranks_mistake(fields, key, mend):
    """A mistake in the fields of the only executor."""
    return (EXECUTOR, f"local: {{kind: local, workers: 2, {fields}}}", f"execution.executors.local.{key}", mend)


def swaps_mistake(fields, key, mend):
    """A mistake in the fields of the swaps."""
    place = "temperatures_K: [600, 1000]"
    return (place, f"{place}\n  swaps: {{{fields}}}", f"explore.swaps.{key}: ", mend)


BROKEN = [
    ("rungs: [12, 24, 48]", "rungs: [12, 24, 96]", "ladder.rungs[2]: ", "lower the rung to 51 or raise budget.labels"),
    ("labels: 64", "labels: 5", "ladder.rungs[2]: ", "raise budget.labels"),
    ("rungs: [12, 24, 48]", "rungs: [12, 12, 48]", "ladder.rungs[1]: ", "rungs must grow"),
    ("rungs: [12, 24, 48]", "rungs: [48, 24, 12]", "ladder.rungs[1]: ", "24 does not come after 48"),
    ("rungs: [12, 24, 48]", "rungs: [4, 24, 48]", "ladder.rungs[0]: ", "smaller than the 8 initial frames"),
    ("frames: 8", "frames: 0", "initial.frames: ", "nothing to fit first"),
    ("rattle_A: 0.1", "rattle_A: 1.0", "initial.rattle_A: ", "scrambles"),
    (
        STRUCTURE,
        "structure: structures/nowhere.cif",
        "systems[0].structure: ",
        "no such file: `structures/n",
    ),
    (STRUCTURE, "structure: structures", "systems[0].structure: ", "is a folder"),
    (STRUCTURE, "structure: small.yaml", "systems[0].structure: ", "cannot be read as a structure"),
    ("data:", f"  - {{name: LiCl, {STRUCTURE}}}\ndata:", "systems[1].name: ", "names 2 systems"),
    ("label: local", "label: locl", "execution.label: ", "did you mean `local`?"),
    ("label: local", "measure: gpu", "execution.measure: ", "no executor `gpu`"),
    ranks_mistake("mpi_python: python3", "mpi_python: ", "has no effect on labels of one rank"),
    ranks_mistake("ranks_per_label: 2, mpi_command: mpiexec -n 2", "mpi_command: ", "in the place of their number"),
    ranks_mistake('ranks_per_label: 2, mpi_command: "mpiexec \'-n {ranks}"', "mpi_command: ", "quotation mark"),
    ranks_mistake("ranks_per_label: 2, mpi_command: 'no_such -n {ranks}'", "ranks_per_label: ", "no program `no_such`"),
    (
        EXECUTOR,
        f"{EXECUTOR}\n    many: {{kind: local, ranks_per_label: 2}}",
        "execution.executors.many.ranks_per_label: no labels run on `many`",
        "write `label: many`",
    ),
    swaps_mistake("sublattices: [[Li, Na]]", "sublattices[0]", "no system holds two of Li, Na"),
    swaps_mistake("sublattices: [[Li, Cl, li]]", "sublattices[0][2]", "`li` is not a chemical element"),
    swaps_mistake("sublattices: [[Li, Cl], [Na, Li]]", "sublattices[1][1]", "Li is listed twice"),
    swaps_mistake("sublattices: [[Li, Cl]], every_fs: 800", "every_fs", "nothing would be swapped"),
    swaps_mistake("sublattices: [[Li, Cl]], every_fs: 1", "every_fs", "shorter than a step of 2 fs"),
    (
        "select:",
        "studies: {disorder: {sublattices: [[In, Cl]]}}\nselect:",
        "studies.disorder.sublattices[0]: ",
        "no system holds two of In, Cl",
    ),
    ("label: local", "heartbeat_s: 60", "execution.heartbeat_limit_s: ", "longer than heartbeat_s"),
    ("ensemble: nvt", "ensemble: npt", "explore.ensemble: ", "fit.stress_weight is 0"),
    ("ensemble: nvt", "pressure_GPa: 1", "explore.pressure_GPa: ", "`nvt` keeps the cell"),
    ("timestep_fs: 2.0", "timestep_fs: 20", "explore.timestep_fs: ", "too long"),
    ("timestep_fs: 2.0", "timestep_fs: 0.002", "explore.timestep_fs: ", "is it in ps?"),
    ("timestep_fs: 2.0", "friction_per_fs: 10", "explore.friction_per_fs: ", "is it per ps?"),
    ("segment_fs: 500", "segment_fs: 8", "explore.segment_fs: ", "ends before the committee looks"),
    ("segment_fs: 500", "random_offers: 1000", "explore.random_offers: ", "a segment of 500 steps"),
    ("fraction: 0.25", "segment_fs: 1", "heldout.segment_fs: ", "shorter than one step"),
    ("temperatures_K: [600, 1000]", "temperatures_K: [600, 25]", "explore.temperatures_K[1]: ", "25 °C is 298 K"),
    ("temperatures_K: [600, 1000]", "temperatures_K: [600, 6000]", "explore.temperatures_K[1]: ", "melts"),
    ("temperatures_K: [600, 1000]", "temperatures_K: [600, 600]", "explore.temperatures_K[1]: ", "is listed twice"),
    ("lower_eV_per_A: 0.05", "lower_eV_per_A: 2", "select.lower_eV_per_A: ", "the window is empty"),
    ("max_steps: 600", "max_steps: 10", "fit.check_every_steps: ", "no check falls within max_steps"),
    ("max_steps: 600", "energy_weight: 0\n  forces_weight: 0", "fit.forces_weight: ", "nothing to fit"),
    (
        "max_steps: 600",
        "huber_eV_per_A: 0.2",
        "fit.huber_eV_per_A: ",
        "no effect on `loss: squares`; write `loss: huber`",
    ),
    ("max_steps: 600", "learning_rate: 10", "fit.learning_rate: ", "diverges"),
    ("policy: disagreement", "policy: disagrement", "select.policy: ", "did you mean 'disagreement'"),
    ("policy: disagreement", "policy: no_such_module:Mine", "select.policy: ", "no_such_module"),
    ("policy: disagreement", "policy: policies.selection:Mine", "select.policy: ", "no class 'Mine'"),
    ("policy: disagreement", "policy: pathlib:Path", "select.policy: ", "no method"),
    ("policy: ladder", "options: {tolerence: 1}", "ladder.options: ", "unknown option"),
    ("foundation: null", "foundation: my.model", "potential.foundation: ", "write {path: my.model, sha256: …}"),
    ("foundation: null", f"foundation: {{path: x, sha256: {A64}}}", "potential.foundation.path: ", "no such file"),
    (
        "foundation: null",
        f"foundation: {{path: small.yaml, sha256: {A64}}}",
        "foundation.sha256: ",
        "not aaaaaaaa",
    ),
    ("max_steps: 600", "method: lora", "fit.method: ", "there is none; name one in potential.foundation"),
    ("foundation: null", "foundation: medium-mpa-1", "potential.foundation: ", "did you mean `medium-mpa-0`?"),
    ("kpts: [2, 2, 2]", "charge: 1", "label.spin: ", "`LiCl` (LiCl) has 19 electrons, an odd number"),
    ("kpts: [2, 2, 2]", "magmoms: {Li: 1.0}", "label.magmoms: ", "spin: true"),
    ("xc: PBE", "xc: PBF", "label.xc: ", "PBE"),
    ("xc: PBE", "gpaw: {kpts: 3}", "label.gpaw.kpts: ", "`label.kpts`"),
    (
        "engine: gpaw\n  xc: PBE\n  cutoff_eV: 340\n  kpts: [2, 2, 2]",
        "engine: ase\n  calculator: ase.calculators.emt:EMTT",
        "label.calculator: ",
        "EMTT",
    ),
    (
        "engine: gpaw\n  xc: PBE\n  cutoff_eV: 340\n  kpts: [2, 2, 2]\n\nfit:\n  max_steps: 600\n  stress_weight: 0.0",
        "engine: ase\n  calculator: ase.calculators.tip3p:TIP3P\n\nfit:\n  stress_weight: 1.0",
        "label.calculator: ",
        "gives no stress, and fit.stress_weight is 1",
    ),
    ("initial: []", "initial: [nowhere.extxyz]", "data.initial[0]: ", "no such file"),
    ("initial: []", "initial: [structures]", "data.initial[0]: ", "is a folder"),
    ("initial: []", "initial: [small.yaml]", "data.initial[0]: ", "cannot be read as extxyz"),
]


def refuse(folder: Folder, old: str, new: str) -> str:
    path = folder.broken(old, new)
    before = folder.listing()
    loaded = load_config(path)
    with pytest.raises(ConfigError) as caught:
        cross_check(loaded)
    message = str(caught.value)
    assert message.startswith(f"{path}:")
    assert "\n" not in message
    assert folder.listing() == before
    return message


@pytest.mark.parametrize(("old", "new", "key", "says"), BROKEN)
def test_broken_config_is_told_in_one_line_with_file_line_and_key(folder: Folder, old, new, key, says):
    message = refuse(folder, old, new)
    assert key in message
    assert says in message
    assert message.split(":")[1].isdigit()


def test_ranks_of_an_ase_calculator_are_refused(folder: Folder):
    gpaw = BASE[BASE.index("  engine: gpaw") : BASE.index("\nfit:")]
    text = BASE.replace(gpaw, "  engine: ase\n  calculator: ase.calculators.emt:EMT\n")
    path = folder.config(text.replace(EXECUTOR, "local: {kind: local, ranks_per_label: 4}"))
    with pytest.raises(ConfigError, match=r"ranks_per_label: a label of an ASE calculator runs on one core, not on 4;"):
        cross_check(load_config(path))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_gpu_that_is_not_there_is_told(folder: Folder):
    message = refuse(folder, "workers: 2", "device: cuda")
    assert "execution.executors.local.device: this machine has no GPU" in message


def test_good_config_passes_and_creates_nothing(folder: Folder):
    path = folder.config(BASE)
    before = folder.listing()
    cross_check(load_config(path))
    assert folder.listing() == before


def test_rung_that_is_said_to_fit_fits(folder: Folder):
    message = refuse(folder, "rungs: [12, 24, 48]", "rungs: [12, 24, 96]")
    size = int(message.split("lower the rung to ")[1].split()[0])
    cross_check(load_config(folder.broken("rungs: [12, 24, 48]", f"rungs: [12, 24, {size}]")))
    refuse(folder, "rungs: [12, 24, 48]", f"rungs: [12, 24, {size + 1}]")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("no cell", "has no unit cell"),
        ("flat", "three independent cell vectors"),
        ("slab", "is not periodic along c"),
        ("trajectory", "holds 2 frames"),
        ("overlap", "are the units Å"),
        ("not finite", "not finite"),
        ("empty", "cannot be read as a structure"),
    ],
)
def test_structure_that_is_no_crystal_is_told(folder: Folder, change, says):
    crystal = bulk("LiCl", "rocksalt", a=5.14)
    frames = [crystal]
    if change == "no cell":
        frames = [Atoms("LiCl", positions=[(0, 0, 0), (2.5, 0, 0)])]
    elif change == "flat":
        crystal.cell[2] = crystal.cell[0] + crystal.cell[1]
    elif change == "slab":
        crystal.pbc = (True, True, False)
    elif change == "trajectory":
        frames = [crystal, crystal]
    elif change == "overlap":
        crystal.set_cell(crystal.cell * 0.4, scale_atoms=True)
    elif change == "not finite":
        crystal.positions[0] = np.nan
    path = folder.frames("structures/LiCl.extxyz", *frames)
    if change == "empty":
        path.write_text("")
    assert says in refuse(folder, "seed: 7", "seed: 8")


def test_partially_occupied_crystal_is_told(folder: Folder):
    cif = folder.root / "structures/disordered.cif"
    cif.write_text(
        "data_x\n_cell_length_a 5.14\n_cell_length_b 5.14\n_cell_length_c 5.14\n_cell_angle_alpha 90\n"
        "_cell_angle_beta 90\n_cell_angle_gamma 90\n_symmetry_space_group_name_H-M 'F m -3 m'\nloop_\n"
        "_atom_site_label\n_atom_site_type_symbol\n_atom_site_occupancy\n_atom_site_fract_x\n_atom_site_fract_y\n"
        "_atom_site_fract_z\nLi1 Li 0.5 0 0 0\nCl1 Cl 1.0 0.5 0.5 0.5\n"
    )
    assert "has partial occupancies" in refuse(folder, STRUCTURE, "structure: structures/disordered.cif")


def test_odd_electrons_are_counted_in_the_repeated_cell(folder: Folder):
    folder.frames("structures/LiCl.extxyz", bulk("LiO", "rocksalt", a=4.5))
    assert "has 11 electrons" in refuse(folder, "repeat: [1, 1, 1]", "repeat: [1, 1, 1] #")
    cross_check(load_config(folder.broken("repeat: [1, 1, 1]", "repeat: [2, 1, 1]")))
    cross_check(load_config(folder.broken("kpts: [2, 2, 2]", "spin: true\n  magmoms: {Li: 0.5}")))


def labelled(shift_A: float = 0.0, **changes: object) -> Atoms:
    atoms = bulk("LiCl", "rocksalt", a=5.14)
    atoms.positions[0, 0] += shift_A
    atoms.info["REF_energy"] = -3.0
    atoms.arrays["REF_forces"] = np.zeros((2, 3))
    for key, value in changes.items():
        home = atoms.arrays if np.shape(value)[:1] == (2,) else atoms.info
        home[key] = value
    return atoms


@pytest.mark.parametrize(
    ("frame", "key", "says"),
    [
        (
            bulk("LiCl", "rocksalt", a=5.14),
            "data.energy_key: ",
            "frame 2 of `known.extxyz` has no energy under `REF_energy`",
        ),
        (labelled(REF_energy=np.nan), "data.initial[0]: ", "not finite"),
        (labelled(REF_forces=np.zeros((2, 2))), "data.forces_key: ", "shape (2, 2)"),
        (labelled(REF_stress=np.zeros(3)), "data.stress_key: ", "shape (3,)"),
    ],
)
def test_frame_without_a_whole_label_is_told(folder: Folder, frame, key, says):
    folder.frames("known.extxyz", labelled(), frame)
    message = refuse(folder, "initial: []", "initial: [known.extxyz]")
    assert key in message
    assert says in message


def test_key_that_holds_the_energy_is_suggested(folder: Folder):
    frame = labelled(dft_energy=-3.0)
    del frame.info["REF_energy"]
    folder.frames("known.extxyz", frame)
    assert "did you mean `dft_energy`?" in refuse(folder, "initial: []", "initial: [known.extxyz]")


def test_plain_keys_of_extxyz_work_as_keys(folder: Folder):
    (folder.root / "known.extxyz").write_text(
        '2\nLattice="5.14 0 0 0 5.14 0 0 0 5.14" Properties=species:S:1:pos:R:3:forces:R:3 energy=-3.0 pbc="T T T"\n'
        "Li 0 0 0 0 0 0\nCl 2.57 0 0 0 0 0\n"
    )
    keys = "initial: [known.extxyz]\n  energy_key: energy\n  forces_key: forces"
    cross_check(load_config(folder.broken("initial: []", keys)))


def test_labels_brought_along_do_not_count_against_the_budget(folder: Folder):
    pulled = np.array([[0.1, 0.0, 0.0], [-0.1, 0.0, 0.0]])
    labels = [labelled(REF_energy=-3.0 + 1e-3 * k, REF_forces=k * pulled, shift_A=1e-3 * k) for k in range(20)]
    folder.frames("known.extxyz", *labels)
    tight = BASE.replace("labels: 64", "labels: 40").replace("initial: []", "initial: [known.extxyz]\n  reference: REF")
    cross_check(load_config(folder.config(tight.replace("REF", "same"))))
    with pytest.raises(ConfigError, match="the rung of 48 takes 60 labels"):
        cross_check(load_config(folder.config(tight.replace("REF", "other"))))


def test_replay_without_frames_to_replay_is_told(folder: Folder):
    text = BASE.replace("foundation: null", "foundation: medium-mpa-0").replace("max_steps: 600", "method: multihead")
    with pytest.raises(ConfigError, match=r"fit.method: .* with `reference: other`, or write `replay: pseudolabels`$"):
        cross_check(load_config(folder.config(text)))


def test_policy_of_ones_own_is_accepted(folder: Folder, monkeypatch):
    monkeypatch.syspath_prepend(folder.root)
    (folder.root / "my_checked_policy.py").write_text(
        "class Mine:\n    def select(self, candidates, window, count, per_walker, seed): ...\n"
    )
    cross_check(load_config(folder.broken("policy: disagreement", "policy: my_checked_policy:Mine")))


def test_an_element_of_a_sublattice_that_is_none_is_told_once(folder: Folder):
    path = folder.broken("select:", "studies: {disorder: {sublattices: [[In, Zz]]}}\nselect:")
    with pytest.raises(ConfigError) as caught:
        cross_check(load_config(path))
    assert [problem.key for problem in caught.value.problems] == ["studies.disorder.sublattices[0][1]"]


def test_several_problems_come_in_the_order_of_the_file(folder: Folder):
    text = (
        BASE.replace("labels: 64", "labels: 10")
        .replace("timestep_fs: 2.0", "timestep_fs: 20")
        .replace("LiCl.ext", "x.")
    )
    with pytest.raises(ConfigError) as caught:
        cross_check(load_config(folder.config(text)))
    assert [problem.key for problem in caught.value.problems] == [
        "systems[0].structure",
        "explore.timestep_fs",
        "ladder.rungs[2]",
    ]


def test_random_selection_without_random_offers_is_refused(folder: Folder):
    blind = BASE.replace("policy: disagreement", "policy: random")
    path = folder.config(blind.replace("segment_fs: 500", "segment_fs: 500\n  random_offers: 0"))
    with pytest.raises(ConfigError, match=r"explore\.random_offers: random selection needs frames"):
        cross_check(load_config(path))
