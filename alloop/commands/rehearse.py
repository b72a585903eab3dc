"""``alloop rehearse``: run a campaign with its teacher as label engine, and say what the real one would take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from alloop.campaign.folders import campaign_folder
from alloop.campaign.rehearsal import ITSELF, NOBODY, meaning, rehearsal_name, rehearsed
from alloop.checks.changed_config import differences, is_science_of
from alloop.checks.structures import read_systems
from alloop.checks.teachers import find_in_teacher
from alloop.commands import exit_codes
from alloop.commands.interruption import interruptible
from alloop.commands.rehearsal_labels import probed_labels
from alloop.commands.run import run_loaded
from alloop.config.campaign import CampaignConfig
from alloop.config.errors import ConfigError, Problem
from alloop.config.loading import LoadedConfig, load_config
from alloop.config.teacher import TeacherConfig
from alloop.journal.journal import JOURNAL_FILE, read_entries
from alloop.labelling.teachers import TEACHERS
from alloop.outputs.rehearsal import write_forecast
from alloop.state.fold import fold
from alloop.state.state import CampaignState
from alloop.status.forecast import Forecast, cost_of, read_rehearsal
from alloop.status.forecast_text import forecast_lines

UNFINISHED = (exit_codes.INTERRUPTED, exit_codes.RETRY)


def run_rehearsal(
    path: Path,
    folder: Path | None,
    console: Console,
    *,
    plain: bool = False,
    taught_by: str | None = None,
    seeds: int = 1,
    label_s: float | None = None,
) -> int:
    """Rehearse a campaign, or continue its rehearsal; print and write the forecast, and return the exit code.

    Parameters
    ----------
    path : pathlib.Path
        The campaign's config.
    folder : pathlib.Path or None
        The rehearsal's folder; ``runs/<name>.rehearsal`` if None.
    console : rich.console.Console
        Where to print.
    plain : bool
        Lines instead of a live display.
    taught_by : str or None
        Who teaches the rehearsal: the name of a teacher, ``same`` or ``none``; None for another teacher than the
        config's that is installed, else nobody.
    seeds : int
        Rehearsals; each later one has the next seed and a folder of its own.
    label_s : float or None
        Time of one label on one core (s); None to time one label of every system.

    Raises
    ------
    ConfigError, JournalError, ExecutionError, FoundationError, RestartWanted
        As `alloop.commands.run.run_campaign` does.
    """
    loaded = load_config(path)
    teacher = _teacher(loaded)
    taught_by = taught_by or _installed_other(teacher)
    told = meaning(teacher, taught_by)
    console.print(f"Rehearsal: {told}.", markup=False, highlight=False, soft_wrap=True)
    roots = [_folder(loaded, folder, number) for number in range(1, seeds + 1)]
    places = [(_stand_in(loaded, taught_by, number, root), root) for number, root in enumerate(roots, start=1)]
    if taught_by not in (NOBODY, ITSELF, teacher.model):
        _refuse_unusable_teaching(places[0][0])
    for one, root in places:
        _refuse_stranger(one, root)
    codes = []
    for one, root in places:
        codes.append(run_loaded(one, root, console, plain=plain))
        if codes[-1] in UNFINISHED:
            return codes[-1]
    with interruptible("Stopped while a label was timed; run the same command again, or give its time with --label-s."):
        _conclude(loaded, told, [root for _, root in places], label_s, console)
    return max(codes)


def _teacher(loaded: LoadedConfig) -> TeacherConfig:
    """Return the teacher of a config; one that is absent or unusable is an error."""
    teacher = loaded.config.teacher
    if teacher is None:
        what = "`alloop rehearse` needs a teacher, which answers the labels; name one, such as `teacher: sevennet-l3i5`"
        raise loaded.error(("teacher",), what)
    for key, what in find_in_teacher(loaded, read_systems(loaded), otherwise=""):
        raise loaded.error(key, what)
    return teacher


def _installed_other(teacher: TeacherConfig) -> str:
    others = sorted(name for name, known in TEACHERS.items() if name != teacher.model and known.packages.is_dir())
    return others[0] if others else NOBODY


def _stand_in(loaded: LoadedConfig, taught_by: str, number: int, root: Path) -> LoadedConfig:
    config = rehearsed(loaded.config, taught_by, number)
    created = fold(read_entries(root)).created if (root / JOURNAL_FILE).exists() else None
    if created is not None and "far_start" not in created.config.get("fit", {}):
        # It began before there was this key, whose default says nothing to it.
        fit = config.fit.model_copy(update={"far_start": loaded.config.fit.far_start})
        config = config.model_copy(update={"fit": fit})
    return replace(loaded, config=config)


def _folder(loaded: LoadedConfig, folder: Path | None, number: int) -> Path:
    if folder is not None and number > 1:
        folder = folder.with_name(f"{folder.name}.{number}")
    return campaign_folder(rehearsal_name(loaded.config.name, number), folder)


def _refuse_unusable_teaching(one: LoadedConfig) -> None:
    """Refuse a teacher of the rehearsal that cannot be used, in the words of the option that names it."""
    for _, what in find_in_teacher(one, read_systems(one), otherwise=""):
        mend = f"`--taught-by {NOBODY}` rehearses a cold start, `--taught-by {ITSELF}` takes the config's own teacher"
        raise ConfigError(one.path, Problem("--taught-by", f"{what}; {mend}"))


def _refuse_stranger(one: LoadedConfig, root: Path) -> None:
    """Refuse a folder that holds another campaign than this rehearsal."""
    if not (root / JOURNAL_FILE).exists():
        return
    state = fold(read_entries(root))
    if state.created is None or is_science_of(one, state.created.science_sha256):
        return
    now = one.config.model_dump(mode="json")
    found = [str(difference) for difference in differences(state.config, now) if difference.kind == "science"]
    why = "; ".join(found[:3]) + (" …" if len(found) > 3 else "") or "the content of a file that the config names"
    what = f"holds `{state.created.name}`, which is no rehearsal of {one.path} ({why})"
    raise ConfigError(root, Problem("", f"{what}; name another folder with --folder, or remove this one"))


def _conclude(loaded: LoadedConfig, told: str, roots: Iterable[Path], label_s: float | None, console: Console) -> None:
    """Print the forecast, and write it into the folder of the first rehearsal."""
    folders = list(roots)
    states = [fold(read_entries(root)) for root in folders]
    runs = tuple(read_rehearsal(state) for state in states)
    probed = probed_labels(loaded, _other_teacher(loaded, states[0]), label_s, folders[0], console)
    costs = tuple(cost_of(one, loaded.config, probed.seconds) for one in runs) if probed.seconds else ()
    forecast = Forecast(
        loaded.config.name, told, runs, probed.seconds, costs, probed.unknown, given=label_s is not None, gap=probed.gap
    )
    for line in ("", *forecast_lines(forecast)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for file in write_forecast(loaded, forecast, folders[0]):
        console.print(f"  {file}", markup=False, highlight=False, soft_wrap=True)


def _other_teacher(loaded: LoadedConfig, rehearsal: CampaignState) -> TeacherConfig | None:
    """Return who taught a rehearsal, if it is not the teacher that answered."""
    taught_by = CampaignConfig.model_validate(rehearsal.config).teacher
    return taught_by if taught_by is not None and taught_by.model != _teacher(loaded).model else None
