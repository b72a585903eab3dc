"""Publish a campaign at Weights & Biases: one thread publishes, the loop only puts rows on its queue.

A run keeps its id for the life of the campaign. Every driver writes a new segment of it, online or offline, and a
segment begins where the earlier ones end, by the ``seq`` of their rows; what was lost with a killed process is
published again from the journal.
"""

from __future__ import annotations

import json
import logging
import netrc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal
from urllib.parse import urlsplit

from alloop.config.machine import WandbConfig
from alloop.files.environment import expanded
from alloop.journal.journal import Entry
from alloop.monitor.wandb_numbers import STEP_METRIC, Publication, publication
from alloop.state.fold import apply
from alloop.state.state import CampaignState

GROUPS = (
    *("count", "dft", "label", "explore", "fit", "leader", "heldout", "generation"),
    *("explore/gated_for", "select", "select/chosen_for", "select/rejected_for", "calibration"),
)
RELIABILITY = "calibration/reliability"
RECOVERIES = 3
INSPECT_TIMEOUT_S = 60.0
PUBLIC_SERVER = "https://api.wandb.ai"

_VERBOSE = ("WANDB_DEBUG", "WANDB_CORE_DEBUG")
Mode = Literal["online", "offline", "disabled"]
log = logging.getLogger(__name__)


class WandbView:
    """A campaign's run at Weights & Biases; a `Listener`.

    Parameters
    ----------
    config : WandbConfig
        The config's section.
    run_id : str
        Id of the run, kept in the journal.
    name : str
        Name of the campaign.
    folder : pathlib.Path
        The campaign's folder; segments lie in its subfolder ``wandb``.
    history : iterable of Entry
        The journal up to now; what earlier segments lack of it is published first.
    init_timeout_s, finish_timeout_s : float
        Longest wait for the server at the beginning and at the end (s).
    """

    def __init__(
        self,
        config: WandbConfig,
        run_id: str,
        name: str,
        folder: Path,
        history: Iterable[Entry] = (),
        *,
        init_timeout_s: float = 20.0,
        finish_timeout_s: float = 15.0,
    ) -> None:
        self._queue: SimpleQueue[Publication | None] = SimpleQueue()
        self._close_timeout_s = finish_timeout_s + 5.0
        self._sink = _Sink(config, run_id, name, Path(folder), init_timeout_s, finish_timeout_s)
        self._thread: threading.Thread | None = None
        if config.enabled:
            work = (self._queue, tuple(history))
            self._thread = threading.Thread(target=self._sink.run, args=work, name="alloop-wandb", daemon=True)
            self._thread.start()

    @property
    def note(self) -> str:
        """One line on where the run is, for the user; empty while that is not known."""
        return self._sink.note

    def on_entry(self, entry: Entry, state: CampaignState) -> None:
        """Put what is published of an event on the queue."""
        if self._thread is None:
            return
        try:
            item = publication(entry, state)
        except Exception:
            log.info("event %s is not published", entry.seq, exc_info=True)
        else:
            if item is not None:
                self._queue.put(item)

    def tick(self, state: CampaignState, now: float) -> None:
        """Do nothing: the queue has its own thread."""

    def close(self) -> None:
        """Publish what is left and finish the segment, within the time limit for finishing."""
        if self._thread is None:
            return
        self._queue.put(None)
        self._thread.join(self._close_timeout_s)


def choose_mode(config: WandbConfig, environ: Mapping[str, str]) -> Mode:
    """Return how to publish, without asking the network.

    ``auto`` and ``online`` need an account: ``WANDB_API_KEY`` or an entry in the netrc file. ``WANDB_MODE`` of
    the environment can only take away.
    """
    forced = environ.get("WANDB_MODE", "").lower()
    if not config.enabled or forced == "disabled":
        return "disabled"
    if config.mode == "offline" or forced in ("offline", "dryrun") or not has_account(environ):
        return "offline"
    return "online"


def has_account(environ: Mapping[str, str]) -> bool:
    """Return whether the environment or the netrc file holds credentials for the server."""
    if environ.get("WANDB_API_KEY") or environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlsplit(environ.get("WANDB_BASE_URL") or PUBLIC_SERVER).netloc
    home = Path(environ.get("HOME") or expanded("~"))
    paths = [Path(environ["NETRC"])] if environ.get("NETRC") else [home / ".netrc", home / "_netrc"]
    return any(_names_host(path, host) for path in paths)


def _names_host(path: Path, host: str) -> bool:
    try:
        found = netrc.netrc(path).authenticators(host)
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return False
    return bool(found and found[2])


def segments(folder: Path, run_id: str) -> list[Path]:
    """Return the folders of a run's segments, oldest first."""
    found = (folder / "wandb").glob(f"*run-*-{run_id}")
    return sorted(found, key=lambda path: path.name.removeprefix("offline-"))


def published_rows(segment: Path) -> list[dict[str, Any]]:
    """Return the rows of the history that a segment holds, a torn tail left out."""
    command = [sys.executable, "-P", "-m", "wandb", "leet", "inspect", "--json", str(segment)]
    done = subprocess.run(command, capture_output=True, timeout=INSPECT_TIMEOUT_S, stdin=subprocess.DEVNULL)
    records = (_record(line) for line in done.stdout.splitlines())
    return [record["history"]["item"] for record in records if record.get("type") == "history"]


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def last_published(folder: Path, run_id: str) -> int:
    """Return the largest ``seq`` in a run's segments, or 0; the newest segment with rows holds it."""
    for segment in reversed(segments(folder, run_id)):
        seqs = [int(row["seq"]) for row in published_rows(segment) if "seq" in row]
        if seqs:
            return max(seqs)
    return 0


class _Sink:
    """The only object that calls wandb; it has its own thread and catches every error of wandb."""

    def __init__(
        self, config: WandbConfig, run_id: str, name: str, folder: Path, init_timeout_s: float, finish_timeout_s: float
    ) -> None:
        self.config, self.run_id, self.name, self.folder = config, run_id, name, folder
        self.init_timeout_s, self.finish_timeout_s = init_timeout_s, finish_timeout_s
        self.note = ""
        self._run: Any = None
        self._last = 0
        self._online = False
        self._recoveries = 0
        self._items: list[Publication] = []

    def run(self, queue: SimpleQueue[Publication | None], history: Sequence[Entry]) -> None:
        """Serve the queue until it says None."""
        try:
            meddled = _meddled(self.folder)
            if meddled is not None:
                self.note = f"W&B: not used; {meddled} is not of W&B's making: remove it"
                return
            self._items = _catch_up(history)
            self._start(choose_mode(self.config, os.environ))
            for item in iter(queue.get, None):
                self._items.append(item)
                if self._run is not None:
                    self._attempt(self._publish, item)
            self._finish()
        except Exception as error:
            self._give_up(error)

    def _start(self, mode: Mode) -> None:
        if mode == "disabled":
            return
        if mode == "online":
            try:
                self._run, self._online = self._open("online"), True
                self._last = int(self._run.starting_step) - 1
                self.note = f"W&B: {self._run.url}"
            except Exception as error:
                log.info("no online run: %s", _short(error), exc_info=True)
                _teardown()
        if self._run is None:
            self._attempt(self._start_offline)
        self._attempt(self._replay)

    def _start_offline(self) -> None:
        self._online = False
        self._last = last_published(self.folder, self.run_id)
        self._run = self._open("offline")
        self.note = f"W&B: offline; upload with `wandb sync {self.folder}/wandb/offline-run-*-{self.run_id}`"

    def _open(self, mode: Literal["online", "offline"]) -> Any:
        _quieten()
        import wandb

        settings = wandb.Settings(
            console="off",
            silent=True,
            disable_code=True,
            disable_git=True,
            x_disable_stats=True,
            x_disable_meta=True,
            x_disable_machine_info=True,
            x_log_level=logging.INFO,
            init_timeout=self.init_timeout_s,
            finish_timeout=self.finish_timeout_s,
            finish_timeout_raises=True,
            reinit="create_new",
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        wandb.setup(settings=wandb.Settings(silent=True, console="off"))
        run = wandb.init(
            project=self.config.project,
            entity=self.config.entity,
            id=self.run_id,
            name=self.name,
            dir=str(self.folder),
            mode=mode,
            resume="allow",
            settings=settings,
        )
        for metric in (STEP_METRIC, "seq"):
            run.define_metric(metric)
        for metric in (*(f"{group}/*" for group in GROUPS), "wall_h"):
            run.define_metric(metric, step_metric=STEP_METRIC)
        return run

    def _publish(self, item: Publication) -> None:
        if item.config:
            self._run.config.update(item.config, allow_val_change=True)
            for group in _groups_of_elements(item.config.get("elements", ())):
                self._run.define_metric(f"{group}/*", step_metric=STEP_METRIC)
        if item.row is not None and item.seq > self._last:
            self._run.log(item.row | _plots(item), step=item.seq, commit=True)
            self._last = item.seq
        if item.summary:
            self._run.summary.update(item.summary)

    def _replay(self) -> None:
        for item in self._items:
            self._publish(item)

    def _attempt(self, action: Any, *arguments: Any) -> None:
        """Do something with wandb; when wandb broke, go on in a new offline segment, a few times."""
        try:
            action(*arguments)
        except Exception as error:
            log.info("the W&B run broke: %s", _short(error), exc_info=True)
            self._recover(error)

    def _recover(self, error: Exception) -> None:
        self._run = None
        self._recoveries += 1
        if self._recoveries > RECOVERIES:
            self._give_up(error)
            return
        _teardown()
        time.sleep(1.1)  # segments are named by the second
        self._attempt(self._start_offline)
        if self._run is not None:
            self._attempt(self._replay)

    def _finish(self) -> None:
        if self._run is None:
            return
        try:
            self._run.finish(exit_code=0)
        except Exception as error:
            log.info("the W&B run is not finished: %s", _short(error), exc_info=True)
            if self._online:
                self.note = "W&B: the server fell silent; the next run of the campaign sends the rest"
        else:
            if self._online:
                _mark_synced(segments(self.folder, self.run_id))

    def _give_up(self, error: Exception) -> None:
        self._run = None
        self.note = f"W&B: not available ({_short(error)}); the journal has everything"
        log.info("%s", self.note)


def _groups_of_elements(elements: Iterable[str]) -> list[str]:
    return [f"calibration/{element}{among}" for element in elements for among in ("", "/selected")]


def _plots(item: Publication) -> dict[str, Any]:
    """Return the plots of a row; one that cannot be drawn is left out."""
    if item.reliability is None:
        return {}
    try:
        import plotly.graph_objects
        import wandb

        from alloop.report.calibration.figures import reliability

        figure = reliability(item.reliability)
        return {} if figure is None else {RELIABILITY: wandb.Plotly(plotly.graph_objects.Figure(figure))}
    except Exception as error:
        log.info("no plot of event %s: %s", item.seq, _short(error), exc_info=True)
        return {}


def _meddled(folder: Path) -> Path | None:
    """Return what in a campaign's folder could mislead W&B, or None.

    W&B writes below ``wandb``, through links too, and reads its server and proxies from ``wandb/settings`` of the
    working directory; it never writes such a file into a campaign.
    """
    for name in ("wandb", ".wandb"):
        home = folder / name
        if os.path.lexists(home) and (home.is_symlink() or not home.is_dir()):
            return home
        if os.path.lexists(home / "settings"):
            return home / "settings"
    return None


def _catch_up(history: Sequence[Entry]) -> list[Publication]:
    state, items = CampaignState(), []
    for entry in history:
        apply(state, entry)
        item = publication(entry, state)
        if item is not None:
            items.append(item)
    return items


def _mark_synced(folders: Iterable[Path]) -> None:
    """Keep ``wandb sync`` from sending again what the online run already holds."""
    for folder in folders:
        if folder.name.startswith("offline-"):
            for path in folder.glob("*.wandb"):
                path.with_suffix(".wandb.synced").touch()


def _quieten() -> None:
    """Keep wandb from reporting about itself.

    With a silent server it waits for that and prints its troubles, and asked for all details, it writes the API key
    into its log in the campaign's folder.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    for name in _VERBOSE:
        os.environ.pop(name, None)
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


def _teardown() -> None:
    import wandb

    try:
        wandb.teardown(exit_code=1)
    except Exception as error:
        log.info("wandb left badly: %s", _short(error))


def _short(error: BaseException) -> str:
    """Return the kind of an error alone: messages of a server or a library may hold credentials."""
    return type(error).__name__
