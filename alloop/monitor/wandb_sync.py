"""Bring a campaign to the server of Weights & Biases: the rows that it lacks, and the artifacts."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from alloop.config.machine import WandbConfig
from alloop.journal.events import CampaignCreated
from alloop.journal.journal import Entry
from alloop.monitor.wandb_account import refused_for_good, short
from alloop.monitor.wandb_artifacts import Output, Upload, upload
from alloop.monitor.wandb_run import PublishedRun, end_core, open_run, teardown
from alloop.monitor.wandb_segments import mark_synced, segments
from alloop.monitor.wandb_upload import catch_up

UPLOAD_S, UPLOAD_S_PER_MB, LONGEST_UPLOAD_S = 20.0, 2.0, 300.0
"""How long uploading may take: a fixed part, a part for the size, and at most (s)."""


class SyncError(Exception):
    """The server could not be reached or did not take everything; the message is one line for the user."""


class RefusedError(SyncError):
    """The server refused the account, its project or the settings: asking again does not help."""


@dataclass(frozen=True)
class Synced:
    """What a server has now.

    Attributes
    ----------
    url, entity, project : str
        Page of the run, who owns its project, and the project.
    rows : int
        Rows that it lacked.
    uploads : tuple of Upload
        What became of the artifacts.
    """

    url: str
    entity: str
    project: str
    rows: int
    uploads: tuple[Upload, ...]


def sync(
    config: WandbConfig,
    folder: Path,
    entries: Sequence[Entry],
    outputs: Callable[[Path], Sequence[Output]],
    *,
    init_timeout_s: float = 20.0,
    finish_timeout_s: float = 120.0,
) -> Synced:
    """Publish what the server lacks of a campaign's journal, then its outputs.

    The server says which row it has last. The rows after it come from the journal, so that offline segments, and
    segments whose driver was killed, are covered by them. Nothing but marks on the segments is written into the folder.

    Parameters
    ----------
    config : WandbConfig
        The section of the config.
    folder : pathlib.Path
        The campaign's folder.
    entries : sequence of Entry
        Its journal.
    outputs : callable
        Returns the outputs to upload; it may write into the scratch folder that it is given.
    init_timeout_s, finish_timeout_s : float
        Longest wait for the server at the beginning and for the rows at the end (s).

    Raises
    ------
    SyncError
        If the server does not answer or does not take all rows; `RefusedError` if it refuses.
    """
    created = entries[0].event
    assert isinstance(created, CampaignCreated)
    items = catch_up(entries)
    limits = {"init_timeout_s": init_timeout_s, "finish_timeout_s": finish_timeout_s}
    with _core_ended(), tempfile.TemporaryDirectory(prefix="alloop-wandb-") as scratch:
        found = list(outputs(Path(scratch))) if config.artifacts else []
        try:
            run = open_run(config, created.run_id, created.name, Path(scratch), "online", **limits)
            published = PublishedRun(run, int(run.starting_step) - 1, folder)
            rows = sum(item.row is not None and item.seq > published.last for item in items)
            published.publish_all(items)
            until = time.monotonic() + time_limit_s(found)
            uploads = upload(run, created.name, found, config.artifact_limit_MB, until)
            place = str(run.url), str(run.entity), str(run.project)
            run.finish(exit_code=0)
        except Exception as error:
            teardown()
            if refused_for_good(error):
                raise RefusedError(f"the server refused the account or its project ({short(error)})") from error
            raise SyncError(f"the server did not take everything ({short(error)})") from error
    with suppress(OSError):
        mark_synced(segments(folder, created.run_id))
    return Synced(*place, rows, tuple(uploads))


@contextmanager
def _core_ended() -> Iterator[None]:
    """End wandb's own process when a signal interrupts what waits for it: this process would wait for it too."""
    try:
        yield
    except Exception:
        raise
    except BaseException:
        teardown()
        raise


def time_limit_s(found: Sequence[Output]) -> float:
    """Return how long uploading outputs may take (s)."""
    return min(LONGEST_UPLOAD_S, UPLOAD_S + UPLOAD_S_PER_MB * sum(one.size_bytes for one in found) / 1e6)


def sync_in_time(ask: Callable[[], Synced], limit_s: float) -> Synced:
    """Sync in a thread and wait for it no longer than a limit.

    Raises
    ------
    SyncError
        If it fails, or takes longer.
    """
    answers: list[Synced | Exception] = []

    def work() -> None:
        try:
            answers.append(ask())
        except Exception as error:
            answers.append(error)

    thread = threading.Thread(target=work, name="alloop-wandb-sync", daemon=True)
    with _core_ended():
        thread.start()
        thread.join(limit_s)
    if not answers:
        end_core()
        raise SyncError(f"the server took longer than {limit_s:.0f} s")
    answer = answers[0]
    if isinstance(answer, Exception):
        raise answer if isinstance(answer, SyncError) else SyncError(short(answer)) from answer
    return answer
