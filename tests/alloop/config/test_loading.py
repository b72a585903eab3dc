import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alloop.config import CampaignConfig, ConfigError, load_config
from alloop.config.fields import every_section
from alloop.config.loading import MAX_BYTES, config_from_text
from tests.support.configs import BASE, Folder

QUICKSTART = Path(__file__).parents[3] / "configs" / "quickstart.yaml"

# what stands in the good config, what the user wrote instead, and what the error must say
BROKEN_KEYS = [
    ("timestep_fs: 2.0", "timestep_f: 2.0", "explore.timestep_f: ", "did you mean `timestep_fs`"),
    ("timestep_fs: 2.0", "timestep: 2.0", "explore.timestep: ", "did you mean `timestep_fs` (in femtoseconds)"),
    (
        "timestep_fs: 2.0",
        "timestep_ps: 0.002",
        "explore.timestep_ps: ",
        "`timestep_fs` (in femtoseconds; 1 ps is",
    ),
    ("timestep_fs: 2.0", "dt: 2.0", "explore.dt: ", "did you mean `timestep_fs`"),
    ("temperatures_K", "temperature_C", "explore.temperature_C: ", "`temperatures_K` (in kelvin; 0 °C is 273.15 K)"),
    ("temperatures_K", "temperatures", "explore.temperatures: ", "`temperatures_K` (in kelvin)"),
    ("cutoff_eV: 340", "cutoff_Ry: 25", "label.cutoff_Ry: ", "`cutoff_eV` (in electronvolts; 1 Ry is 13.6057 eV)"),
    ("cutoff_eV: 340", "ecut: 340", "label.ecut: ", "did you mean `cutoff_eV`"),
    ("cutoff_eV: 340", "timestep_fs: 1", "label.timestep_fs: ", "belongs under `explore`"),
    ("segment_fs: 500", "cutoff_Ry: 25", "explore.cutoff_Ry: ", "did you mean `label.cutoff_eV`"),
    ("cutoff_eV: 340", "colour: red", "label.colour: ", "known here: "),
    ("committee: 4", "cutoff_A: 4", "potential.cutoff_A: ", "belongs under `potential.architecture`"),
    ("ladder:\n", "lader:\n", "lader: ", "did you mean `ladder`"),
    ("committee: 4", "r_max: 5.0", "potential.r_max: ", "`r_max` of MACE is here potential.architecture.cutoff_A"),
    ("committee: 4", "E0s: average", "potential.E0s: ", "has here no key: the label engine computes"),
    ("max_steps: 600", "lr: 0.1", "fit.lr: ", "did you mean `learning_rate`?"),
    ("timestep_fs: 2.0", "POTIM: 2.0", "explore.POTIM: ", "did you mean `timestep_fs` (in femtoseconds)"),
    ("cutoff_eV: 340", "EDIFF: 1e-6", "label.EDIFF: ", "`EDIFF` of VASP is here label.gpaw.convergence"),
    ("name: small", "type_map: [Li, Cl]", "type_map: ", "`type_map` of DP-GEN has here no key: the systems say it"),
    ("  - name: LiCl", "  - nam: LiCl", "systems[0].nam: ", "did you mean `name`"),
    ("workers: 2", "worker: 2", "execution.executors.local.worker: ", "did you mean `workers`"),
]
BROKEN_VALUES = [
    ("timestep_fs: 2.0", "timestep_fs: -2", "explore.timestep_fs: ", "must be greater than 0 (it is -2)"),
    ("timestep_fs: 2.0", "timestep_fs: 2 fs", "explore.timestep_fs: ", "the key names the unit"),
    ("timestep_fs: 2.0", "timestep_fs: 2,5", "explore.timestep_fs: ", "a point, not a comma"),
    ("timestep_fs: 2.0", "timestep_fs: .nan", "explore.timestep_fs: ", "finite"),
    ("timestep_fs: 2.0", "timestep_fs: 1e999", "explore.timestep_fs: ", "finite"),
    ("timestep_fs: 2.0", "timestep_fs: 1e-310", "explore.timestep_fs: ", "must be 0 or from 1e-30 to 1e+30 in size"),
    ("committee: 4", "architecture: {channels: 9999999}", "potential.architecture.channels: ", "at most 4096"),
    ("timestep_fs: 2.0", "timestep_fs:", "explore.timestep_fs: ", "is empty"),
    ("timestep_fs: 2.0", "timestep_fs: true", "explore.timestep_fs: ", "must be a number (it is true)"),
    ("timestep_fs: 2.0", 'timestep_fs: "2"', "explore.timestep_fs: ", "must be a number (it is the text `2`)"),
    ("frames: 8", "frames: 8.5", "initial.frames: ", "must be a whole number (it is 8.5)"),
    ("frames: 8", "frames: true", "initial.frames: ", "must be a whole number (it is true)"),
    ("seed: 7", "overlap: no", "overlap: ", "must be true or false (it is the text `no`)"),
    ("seed: 7", "seed: 99999999999", "seed: ", "less than"),
    ("name: small", "name: 2024", "name: ", "must be a text (it is 2024)"),
    ("name: small", "name: my run", "name: ", "must start with a letter or digit"),
    ("name: small", "name: ../up", "name: ", "must start with a letter or digit"),
    ("ensemble: nvt", "ensemble: nptt", "explore.ensemble: ", "did you mean `npt`?"),
    ("kpts: [2, 2, 2]", "kpts: [2, 2]", "label.kpts: ", "must have 3 entries (it has 2)"),
    ("kpts: [2, 2, 2]", "kpts: [2, 2, 0]", "label.kpts[2]: ", "must be at least 1"),
    ("kpts: [2, 2, 2]", "kpts: 2", "label.kpts: ", "must be a list"),
    ("kpts: [2, 2, 2]", "kpts: {spacing_per_A: 25}", "label.kpts.spacing_per_A: ", "must be at most 2"),
    ("kpts: [2, 2, 2]", "kpts: {spacing_per_a: 0.25}", "label.kpts.spacing_per_a: ", "did you mean `spacing_per_A`"),
    ("rungs: [12, 24, 48]", "rungs: []", "ladder.rungs: ", "needs at least 1 entry"),
    ("engine: gpaw", "engine: vasp", "label.engine: ", "must be `gpaw` or `ase` (it is the text `vasp`)"),
    ("  engine: gpaw\n", "", "label.engine: ", "missing; write `engine: gpaw` or `engine: ase`"),
    ("kind: local, ", "kind: slrum, ", "execution.executors.local.kind: ", "did you mean `slurm`?"),
    ("kind: local, ", "", "execution.executors.local.kind: ", "missing; write `kind: local`"),
    ("kind: local, ", "kind: slurm, walltime: 1h, ", "execution.executors.local.walltime: ", "like `01:00:00`"),
    ("foundation: null", "foundation: {path: a.model}", "potential.foundation.sha256: ", "missing"),
    ("foundation: null", "foundation: {path: a, sha256: abc}", "potential.foundation.sha256: ", "64 lower-case hex"),
    ("foundation: null", "foundation: 3", "potential.foundation: ", "must be a text"),
    ("    structure: structures/LiCl.extxyz\n", "", "systems[0].structure: ", "missing"),
    ("budget:\n  labels: 64", "budget: 64", "budget: ", "must be a section"),
    ("  labels: 64", "  labels: 64\n  labels: 65", "budget.labels: ", "given twice (first in line 50)"),
    ("budget:\n  labels: 64", "budget:\n  labels:64", "budget: ", "must be a section with keys of its own (it is the"),
    ("kind: local, ", "kind:local, ", "execution.executors.local.kind: ", "write `kind: local`"),
    ("kind: local, workers: 2", "kind: local, workers:2", "local.workers:2: ", "a space is missing after the colon"),
    ("policy: ladder", "options: {a: .inf}", "ladder.options.a: ", "finite"),
    ("policy: ladder", "<<: {a: 1}", "ladder: ", "merge keys"),
    ("policy: ladder", "3: 4", "ladder: ", "cannot be a key"),
    (
        "policy: ladder",
        "policy: !!python/name:os.system",
        "ladder.policy: ",
        "the tag `!!python/name:os.system`",
    ),
]
BROKEN_YAML = [
    ("policy: ladder", "policy:ladder", ": not valid YAML: a space is missing after the colon; write `policy: ladder`"),
    ("timestep_fs: 2.0", "timestep_fs:2.0", "33: not valid YAML: a space is missing after the colon"),
    ("  - name: LiCl", "  - name:LiCl", "5: not valid YAML: a space is missing after the colon; write `name: LiCl`"),
    ("name: small", "name:small", "1: not valid YAML: a space is missing after the colon; write `name: small`"),
    ("timestep_fs: 2.0", "timestep_fs = 2.0", "33: not valid YAML: `=` stands where a colon belongs"),
    ("timestep_fs: 2.0", "timestep_fs 2.0", "33: not valid YAML: a colon is missing; write `timestep_fs: 2.0`"),
    ("heldout:\n", "heldout\n", ": not valid YAML: a colon is missing; write `heldout:`"),
    ("policy: ladder", "policy: a: b", "not valid YAML"),
    ("policy: ladder", "\tpolicy: ladder", "use spaces"),
    ("name: small", 'name: "sm\\ud800ll"', ":1: name: the text `sm?ll` holds half a character"),
    ("seed: 7", "seed:\t7", "2: not valid YAML: a tab stands where YAML takes spaces only"),
    ("seed: 7", "seed:\u00a07", "2: not valid YAML: it holds U+00A0 (no-break space), which only looks like"),
    ("  frames: 8", "\u00a0 frames: 8", "13: not valid YAML: it holds U+00A0 (no-break space)"),
    ("seed: 7", "seed\uff1a 7", "2: not valid YAML: it holds U+FF1A (fullwidth colon)"),
    ("  - name: LiCl", "  \u2014 name: LiCl", "5: not valid YAML: it holds U+2014 (em dash)"),
    ("  - name: LiCl", "  -name: LiCl", "5: not valid YAML: a space is missing after the dash; write `- name: LiCl`"),
    ("kpts: [2, 2, 2]", "kpts: [2, 2, 2", "not valid YAML"),
    ("policy: ladder", 'policy: "ladder', "not valid YAML"),
    ("budget:\n", "---\nbudget:\n", "a config is one"),
    ("budget:\n", "\u0007budget:\n", "character"),
]


def refuse(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    message = str(caught.value)
    assert "\n" not in message
    assert "pydantic" not in message.lower()
    return message


def line_of(text: str, wanted: str) -> int:
    return next(i for i, line in enumerate(text.splitlines(), start=1) if wanted in line)


@pytest.mark.parametrize(("old", "new", "key", "says"), BROKEN_KEYS + BROKEN_VALUES)
def test_broken_config_is_told_in_one_line_with_file_line_and_key(folder: Folder, old, new, key, says):
    path = folder.broken(old, new)
    before = folder.listing()
    message = refuse(path)
    assert message.startswith(f"{path}:")
    assert key in message
    assert says in message
    assert folder.listing() == before


def test_the_keys_of_another_program_are_told_in_one_go(folder: Folder):
    message = refuse(folder.broken("committee: 4", "r_max: 5.0\n  num_channels: 32\n  swa: true"))
    assert "(`num_channels` is potential.architecture.channels, `swa` has no key) (+2 more problems)" in message


def test_what_yaml_turns_into_something_else_elsewhere_stays_what_it_says(folder: Folder):
    text = BASE.replace("temperatures_K: [600, 1000]", "temperatures_K: &t [600, 1e3]").replace("seed: 7", "seed: 0123")
    loaded = load_config(folder.config(f"{text}measure: {{mobile: No, temperatures_K: *t}}\n"))
    assert (loaded.config.seed, loaded.config.measure.mobile) == (123, "No")
    assert loaded.config.measure.temperatures_K == loaded.config.explore.temperatures_K == (600.0, 1000.0)


def test_keywords_of_a_calculator_go_to_its_arguments(folder: Folder):
    gpaw = "engine: gpaw\n  xc: PBE\n  cutoff_eV: 340\n  kpts: [2, 2, 2]"
    path = folder.broken(gpaw, "engine: ase\n  calculator: ase.calculators.vasp:Vasp\n  ENCUT: 500")
    assert "label.ENCUT: unknown key here; keywords of the calculator belong under `label.arguments`" in refuse(path)


@pytest.mark.parametrize(("old", "new", "key", "says"), BROKEN_KEYS)
def test_line_of_an_unknown_key_is_its_own(folder: Folder, old, new, key, says):
    path = folder.broken(old, new)
    wanted = key.removesuffix(": ").split(".")[-1]
    assert refuse(path).startswith(f"{path}:{line_of(path.read_text(), f'{wanted}:')}: ")


@pytest.mark.parametrize(("old", "new", "says"), BROKEN_YAML)
def test_malformed_yaml_is_told_with_its_line(folder: Folder, old, new, says):
    path = folder.broken(old, new)
    message = refuse(path)
    assert says in message
    assert message.split(":")[1].isdigit()


def test_first_problem_stands_alone_and_the_others_are_counted(folder: Folder):
    path = folder.config(BASE.replace("seed: 7", "seed: -7").replace("2.0", "-2").replace("max_steps", "max_stepz"))
    message = refuse(path)
    assert message.startswith(f"{path}:{line_of(path.read_text(), 'max_stepz')}: fit.max_stepz: ")
    assert message.endswith("did you mean `max_steps`? (+2 more problems)")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert [problem.key for problem in caught.value.problems] == ["fit.max_stepz", "seed", "explore.timestep_fs"]


def test_missing_key_is_not_told_beside_the_unknown_key_that_was_meant_for_it(folder: Folder):
    message = refuse(folder.broken("temperatures_K", "temperature_K"))
    assert "temperature_K" in message
    assert "more problem" not in message


def test_missing_file_says_how_to_get_one(folder: Folder):
    assert "no such file; `alloop init`" in refuse(folder.root / "nowhere.yaml")
    assert "no such file" in refuse(folder.config("x: 1") / "below.yaml")


def test_folder_names_the_config_in_it(folder: Folder):
    folder.config(BASE)
    assert "is a folder; name the config file in it, for instance" in refuse(folder.root)
    assert "small.yaml" in refuse(folder.root)


def test_pipe_is_refused_instead_of_read_forever(folder: Folder):
    pipe = folder.root / "pipe.yaml"
    os.mkfifo(pipe)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert "not a regular file" in refuse(pipe)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file_is_told(folder: Folder):
    path = folder.config(BASE)
    path.chmod(0)
    assert "cannot be read" in refuse(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"# nothing but a comment\n", "is empty"),
        (b"- a\n- b\n", "must hold sections"),
        (b"just text\n", "must hold sections"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "UTF-8"),
        ("name: é".encode("utf-16"), "UTF-8"),
        (b"a: " + b"x" * MAX_BYTES, "larger than"),
        (b"a: " + b"[" * 100_000, "nested too deeply"),
        (b"a: &a [*a]\n", "too deeply nested"),
        (b"a: " + b"{a: " * 80 + b"1" + b"}" * 80, "deeply nested"),
    ],
)
def test_file_that_is_no_config_is_told(folder: Folder, content, says):
    path = folder.root / "strange.yaml"
    path.write_bytes(content)
    assert says in refuse(path)


def test_billion_laughs_is_refused_quickly(folder: Folder):
    levels = ["l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert "too many" in refuse(folder.config("\n".join(levels)))


def test_nothing_is_executed_by_a_tag(folder: Folder):
    witness = folder.root / "executed"
    refuse(folder.broken("policy: ladder", f"policy: !!python/object/apply:os.mkdir [{witness}]"))
    assert not witness.exists()


def test_good_config_loads_with_its_text_folder_and_lines(folder: Folder):
    path = folder.config(BASE)
    loaded = load_config(path)
    assert loaded.text == BASE
    assert loaded.folder == folder.root.resolve()
    assert loaded.config.explore.temperatures_K == (600.0, 1000.0)
    assert loaded.lines["explore", "timestep_fs"] == line_of(BASE, "timestep_fs")
    assert loaded.resolve("structures/LiCl.extxyz").is_file()


def test_byte_order_mark_and_windows_line_ends_do_not_matter(folder: Folder):
    path = folder.root / "windows.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert load_config(path).config == load_config(folder.config(BASE)).config


def test_quickstart_loads():
    config = load_config(QUICKSTART).config
    assert config.name == "quickstart"
    assert len(config.ladder.rungs) == 3


def test_dump_of_a_config_is_the_config(folder: Folder):
    config = load_config(folder.config(BASE)).config
    assert CampaignConfig.model_validate(config.model_dump(mode="json")) == config


def test_every_key_says_what_it_means():
    sections = dict(every_section(CampaignConfig))
    below = {path[:i] for path in sections for i in range(1, len(path) + 1)}
    keys = {(*path, name): field for path, section in sections.items() for name, field in section.model_fields.items()}
    assert [path for path, field in keys.items() if not field.description and path not in below] == []


SECTIONS = ["", "potential", "label", "fit", "explore", "select", "heldout", "ladder", "budget"]
KNOWN = {name for _, section in every_section(CampaignConfig) for name in section.model_fields}
# `y`, `null` and the like are fine as keys for YAML 1.2, or told as keys that are no text
WORDS = st.from_regex(r"\A[a-zA-Z][a-zA-Z_]{0,20}\Z").filter(lambda word: word not in KNOWN)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(word=WORDS, section=st.sampled_from(SECTIONS))
def test_any_unknown_key_is_told_with_its_line(word, section):
    lines = BASE.splitlines()
    at = lines.index(f"{section}:") + 1 if section else 2
    lines.insert(at, f"  {word}: 1" if section else f"{word}: 1")
    with pytest.raises(ConfigError) as caught:
        config_from_text("\n".join(lines), Path("a.yaml"), Path("/"))
    message = str(caught.value)
    assert message.startswith(f"a.yaml:{at + 1}: ")
    assert "\n" not in message
    assert word in message


@pytest.mark.parametrize(
    ("given", "meant"), [("packages", "{folder}/packages"), ("/opt/x", "/opt/x"), ("~/x", "{home}/x")]
)
def test_a_place_of_a_calculator_starts_at_the_folder_of_the_config(folder, given, meant):
    label = "engine: gpaw\n  xc: PBE\n  cutoff_eV: 340\n  kpts: [2, 2, 2]"
    text = BASE.replace(label, f"engine: ase\n  calculator: emt:EMT\n  python: {given}")
    model = f"model: {{path: {given}, sha256: {'a' * 64}}}"
    config = load_config(folder.config(f"{text}\nteacher:\n  {model}\n")).config
    place = meant.format(folder=folder.root, home=Path.home())
    assert config.label.python == config.teacher.model.path == place


@pytest.mark.parametrize("given", ["[600, 800.5]", "[600]"])
def test_temperatures_of_a_teacher_are_given_as_a_list_and_survive_the_journal(folder: Folder, given):
    config = load_config(folder.config(f"{BASE}\nteacher:\n  temperatures_K: {given}\n")).config
    assert list(config.teacher.temperatures_K) == [float(one) for one in given.strip("[]").split(",")]
    assert CampaignConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("600", "teacher.temperatures_K: must be a list"),
        ("[600, -1]", "teacher.temperatures_K[1]: must be greater than 0"),
        ("[hot]", "teacher.temperatures_K[0]: must be a number"),
    ],
)
def test_temperatures_of_a_teacher_that_are_none_are_one_line(folder: Folder, given, says):
    with pytest.raises(ConfigError) as caught:
        load_config(folder.config(f"{BASE}\nteacher: {{temperatures_K: {given}}}\n"))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
