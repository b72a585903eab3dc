"""One open run of Weights & Biases, and how rows, plots, alerts and artifacts get into it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import psutil

from alloop.campaign.rehearsal import SUFFIX
from alloop.config.machine import WandbConfig
from alloop.monitor.wandb_account import quieten, short
from alloop.monitor.wandb_charts import plots
from alloop.monitor.wandb_numbers import STEP_METRIC, Publication

GROUPS = (
    *("count", "dft", "label", "explore", "fit", "leader", "heldout", "generation"),
    *(
        "explore/gated_for",
        "explore/swaps",
        "explore/swaps_accepted",
        "select",
        "select/chosen_for",
        "select/rejected_for",
        "calibration",
    ),
)
log = logging.getLogger(__name__)


class PublishedRun:
    """A run that is open; its methods raise what wandb raises.

    Parameters
    ----------
    run : wandb.sdk.wandb_run.Run
        The run.
    last : int
        Events up to this number of the journal are in it already.
    folder : pathlib.Path
        The campaign's folder.
    """

    def __init__(self, run: Any, last: int, folder: Path) -> None:
        self.run, self.last, self.folder = run, last, folder

    def publish(self, item: Publication) -> None:
        """Publish what one event adds, its row and its alert only if they are not there yet.

        The alert goes first: if the driver is killed in between, it comes twice and not never.
        """
        if item.config:
            self.run.config.update(item.config, allow_val_change=True)
            for group in _groups_of_elements(item.config.get("elements", ())):
                self.run.define_metric(f"{group}/*", step_metric=STEP_METRIC)
        if item.tags:
            self.run.tags = tuple(dict.fromkeys((*(self.run.tags or ()), *item.tags)))
        if item.row is not None and item.seq > self.last:
            if item.alert is not None:
                self.run.alert(item.alert.title, item.alert.text, item.alert.level)
            self.run.log(item.row | plots(item, self.folder), step=item.seq, commit=True)
            self.last = item.seq
        if item.summary:
            self.run.summary.update(item.summary)

    def publish_all(self, items: Iterable[Publication]) -> None:
        """Publish what many events add, in their order."""
        for item in items:
            self.publish(item)


def imported() -> Any:
    """Return the module wandb; raises what its import raises, and then forgets what of it is imported.

    Otherwise every later import would fail on the parts that are there already, whatever the first one failed on.
    """
    try:
        import wandb
    except Exception:
        for name in [name for name in sys.modules if name.partition(".")[0] == "wandb"]:
            del sys.modules[name]
        raise
    return wandb


def keep_exit_quiet() -> None:
    """Log what wandb's own hook at exit raises: it writes to its process, which Ctrl-C or `end_core` may have ended."""
    usual = sys.unraisablehook
    if getattr(usual, "of_wandb", False):
        return

    def hook(found: sys.UnraisableHookArgs) -> None:
        if str(getattr(found.object, "__module__", "")).partition(".")[0] == "wandb":
            log.info("wandb left badly: %s", found.exc_type.__name__)
        else:
            usual(found)

    vars(hook)["of_wandb"] = True
    sys.unraisablehook = hook


def open_run(
    config: WandbConfig,
    run_id: str,
    name: str,
    folder: Path,
    mode: Literal["online", "offline"],
    *,
    init_timeout_s: float,
    finish_timeout_s: float,
) -> Any:
    """Open a new segment of a run and return the run; raises what wandb raises.

    A rehearsal is in the group of its campaign.
    """
    quieten()
    wandb = imported()
    keep_exit_quiet()
    folder.mkdir(parents=True, exist_ok=True)
    wandb.setup(settings=wandb.Settings(silent=True, console="off"))
    run = wandb.init(
        project=config.project,
        entity=config.entity,
        group=config.group or name.partition(SUFFIX)[0],
        job_type="rehearsal" if SUFFIX in name else "campaign",
        tags=config.tags,
        notes=config.notes,
        id=run_id,
        name=name,
        dir=str(folder),
        mode=mode,
        resume="allow",
        settings=_settings(init_timeout_s, finish_timeout_s),
    )
    for metric in (STEP_METRIC, "seq"):
        run.define_metric(metric)
    for metric in (*(f"{group}/*" for group in GROUPS), "wall_h"):
        run.define_metric(metric, step_metric=STEP_METRIC)
    return run


def _settings(init_timeout_s: float, finish_timeout_s: float) -> Any:
    import wandb

    return wandb.Settings(
        console="off",
        silent=True,
        disable_code=True,
        disable_git=True,
        x_disable_stats=True,
        x_disable_meta=True,
        x_disable_machine_info=True,
        x_log_level=logging.INFO,
        init_timeout=init_timeout_s,
        finish_timeout=finish_timeout_s,
        finish_timeout_raises=True,
        reinit="create_new",
    )


def _groups_of_elements(elements: Iterable[str]) -> list[str]:
    return [f"calibration/{element}{among}" for element in elements for among in ("", "/selected")]


def end_core() -> None:
    """End wandb's own process at once: while its server is silent it never ends, and neither does its parent."""
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if "wandb-core" in child.name():
                child.kill()


def teardown() -> None:
    """End wandb's own process and forget it, as after a crash of it.

    wandb would end the interpreter, or the thread that calls it, with the exit code of its process.
    """
    end_core()
    try:
        imported().teardown(exit_code=1)
    except (Exception, SystemExit) as error:
        log.info("wandb left badly: %s", short(error))
