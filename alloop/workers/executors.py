"""Run tasks with Parsl: make its executors from the config, submit tasks, report their ends, shut down."""

from __future__ import annotations

import queue
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from parsl import python_app
from parsl.config import Config
from parsl.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl.executors.high_throughput.errors import ManagerLost
from parsl.executors.high_throughput.executor import DEFAULT_LAUNCH_CMD
from parsl.launchers import SingleNodeLauncher

from alloop.config.machine import (
    BatchExecutor,
    ExecutionConfig,
    ExecutorConfig,
    KubernetesExecutor,
    LocalExecutor,
    PbsExecutor,
    SlurmExecutor,
    ThreadExecutor,
)
from alloop.failures import ForeseenError, message, one_line
from alloop.files.environment import ONE_THREAD
from alloop.files.locks import LockKind
from alloop.files.redaction import redacted
from alloop.tasks.attempts import BrokenAttempt
from alloop.tasks.contract.request import Request
from alloop.tasks.machine import Machine
from alloop.tasks.worker import attempt
from alloop.workers.batch_systems import pbs_jobs, slurm_jobs
from alloop.workers.leftover_jobs import MARK, end_leftovers
from alloop.workers.parsl_blocks import BlocksError, LocalBlocks, give_up_unborn
from alloop.workers.parsl_kernel import InterchangeDied, Kernel, KernelStopped
from alloop.workers.walltime import drain_s

NOTHING: Mapping[str, float] = {}
Fault = Literal["config", "curable", "elsewhere"]
SETTLE_S = 0.2
"""Time (s) within which the ends of all tasks of a lost group of workers arrive."""


class ExecutionError(ForeseenError):
    """The workers cannot be started or kept running; the message is one line for the user."""


@dataclass(frozen=True)
class Completion:
    """The end of a submitted task.

    Attributes
    ----------
    purpose : str
        Of the task.
    error : BrokenAttempt, BaseException or None
        What the worker says of an attempt that broke, or what the machinery raised; None if the task ran.
    """

    purpose: str
    error: BrokenAttempt | BaseException | None


class Execution:
    """Workers of one campaign.

    Parameters
    ----------
    config : ExecutionConfig
        Executors, and which of them serves which kind of task.
    root : pathlib.Path
        The campaign's folder.
    stop : callable
        Returns a reason not to start, or None; asked while Parsl starts.
    locks : {"flock", "lease"}
        How workers hold a task.
    longest_s : mapping
        The longest time (s) of each kind of task so far.

    Raises
    ------
    ExecutionError
        If Parsl cannot start.
    InterchangeDied
        If the process between driver and workers was killed meanwhile.
    KernelStopped
        If `stop` has a reason.
    """

    def __init__(
        self,
        config: ExecutionConfig,
        root: Path,
        stop: Callable[[], str | None] = lambda: None,
        *,
        locks: LockKind = "flock",
        longest_s: Mapping[str, float] = NOTHING,
    ) -> None:
        self.root, self._config, self._locks = Path(root), config, locks
        self.completions: queue.SimpleQueue[Completion] = queue.SimpleQueue()
        self._busy: Counter[str] = Counter()
        end_leftovers(self.root)
        try:
            executors = [
                _executor(label, executor, config, self.root, longest_s) for label, executor in config.executors.items()
            ]
            self._kernel = Kernel(_parsl_config(executors, self.root), stop)
        except (InterchangeDied, KernelStopped):
            end_leftovers(self.root)
            raise
        except Exception as error:
            end_leftovers(self.root)
            raise ExecutionError(f"the workers could not be started: {_one_line(error)}") from error
        self._apps = {
            label: python_app(attempt, data_flow_kernel=self._kernel.parsl, executors=[label])
            for label in config.executors
        }

    def free(self) -> dict[str, int]:
        """Return the free slots of every executor."""
        return {label: e.slots - self._busy[label] for label, e in self._config.executors.items()}

    def submit(self, purpose: str, request: Request) -> None:
        """Send a task to its executor; its end arrives in `completions`."""
        label = getattr(self._config, request.slot_kind)
        self._busy[label] += 1
        machine = machine_of(self._config, label, self._locks).model_dump(mode="json")
        fields = request.model_dump(mode="json")
        future: Future[dict[str, Any]] = self._apps[label](str(self.root), request.kind, fields, machine)
        future.add_done_callback(partial(self._done, purpose))

    def harvested(self, slot_kind: str) -> None:
        """Free the slot of a task whose end was taken from `completions`."""
        self._busy[getattr(self._config, slot_kind)] -= 1

    def close(self) -> None:
        """End every worker within seconds, whatever it does."""
        self._kernel.close()
        end_leftovers(self.root)
        shutil.rmtree(self.root / "scratch", ignore_errors=True)
        with suppress(OSError):  # where the campaign was moved, a calculator of ASE makes its scratch folder anew
            self.root.rmdir()

    def broken(self) -> str | None:
        """Return why no task can run any more, or None."""
        for label, error in self._errors().items():
            if isinstance(error, BlocksError):
                mend = "see `worker_init` and the like" if not error.ever_up else "see the batch system"
                return (
                    f"executor {label!r} is dead: {_one_line(error)}; {mend}, and logs/parsl in the campaign's folder"
                )
            if isinstance(error, InterchangeDied):
                return str(error)
            return f"executor {label!r} is dead: {_one_line(error)}"
        dead = self._kernel.dead_interchange()
        return None if dead is None else f"the interchange of executor {dead!r} died"

    def fault(self) -> Fault:
        """Return where the fault is if no task can run: in the config, or in what works again when it is started anew.

        Ask before `close`, after which the processes between driver and workers are gone.
        """
        errors = self._errors().values()
        if any(isinstance(error, BlocksError) and not error.ever_up for error in errors):
            return "config"
        curable = self.broken() is not None and all(isinstance(error, InterchangeDied) for error in errors)
        return "curable" if curable else "elsewhere"

    def _errors(self) -> dict[str, BaseException | None]:
        executors = self._kernel.executors.items()
        return {label: e.executor_exception for label, e in executors if getattr(e, "bad_state_is_set", False)}

    def _done(self, purpose: str, future: Future[dict[str, Any]]) -> None:
        self.completions.put(Completion(purpose, _broken(future)))


def _broken(future: Future[dict[str, Any]]) -> BrokenAttempt | BaseException | None:
    """Return what broke an attempt, or None; no end of a future may be lost."""
    try:
        told = future.result()
        return BrokenAttempt.model_validate(told) if told else None
    except BaseException as error:
        return error


def machine_of(config: ExecutionConfig, label: str, locks: LockKind) -> Machine:
    """Return the settings of the machine that the workers of an executor get."""
    executor = config.executors[label]
    return Machine(
        device=executor.device,
        locks=locks,
        ranks_per_label=executor.ranks_per_label,
        mpi_command=executor.mpi_command,
        mpi_python=executor.mpi_python,
        label_timeout_min=config.label_timeout_min,
    )


def _parsl_config(executors: list[Any], root: Path) -> Config:
    return Config(
        executors=executors,
        run_dir=str(root / "logs" / "parsl"),
        strategy_period=0.5,
        retries=0,
        usage_tracking=0,
        initialize_logging=False,
    )


def _executor(
    label: str, executor: ExecutorConfig, config: ExecutionConfig, root: Path, longest_s: Mapping[str, float] = NOTHING
) -> Any:
    if isinstance(executor, ThreadExecutor):
        return ThreadPoolExecutor(label=label, max_threads=executor.workers)
    local = isinstance(executor, LocalExecutor)
    return HighThroughputExecutor(
        label=label,
        address="127.0.0.1" if local else getattr(executor, "address", None),
        launch_cmd=DEFAULT_LAUNCH_CMD.replace("process_worker_pool.py", "python3 -m alloop.workers.worker_pool", 1),
        max_workers_per_node=executor.workers,
        provider=_provider(executor, root),
        drain_period=drain_s(config, label, longest_s),
        available_accelerators=_accelerators(executor),
        encrypted=True,
        heartbeat_period=int(max(1, config.heartbeat_s)),
        heartbeat_threshold=int(max(2, config.heartbeat_limit_s)),
        block_error_handler=give_up_unborn,
        interchange_launch_cmd=_interchange(root),
        worker_logdir_root=str(root / "logs" / "workers"),
        worker_port_range=(54000, 55000),
    )


def _interchange(root: Path) -> list[str]:
    """Return the command of the process between driver and workers.

    It bears the campaign's mark, which its name would be written over without ``SPT_NOENV``, ends with the driver, and
    complains into a file, where there is room for one, and not on the driver's terminal.
    """
    complaints = root / "logs" / "interchange.txt"
    complaints.parent.mkdir(parents=True, exist_ok=True)
    aside = 'if true 2>/dev/null >>"$0"; then exec 2>>"$0"; else exec 2>/dev/null; fi; exec "$@"'
    marked = ["env", f"{MARK}={root}", "SPT_NOENV=1", "sh", "-c", aside, str(complaints)]
    return [*marked, *_die_with_parent(), str(_scripts() / "interchange.py")]


def _die_with_parent() -> list[str]:
    """Return the command prefix that ends the interchange with the driver, but not by Ctrl-C, where there is one."""
    leash = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
    return [*leash, "setsid"] if shutil.which("setsid") else leash


def _scripts() -> Path:
    """Return the folder of this Python's scripts: an environment need not be activated to be used."""
    return Path(sys.executable).parent


def _provider(executor: ExecutorConfig, root: Path) -> Any:
    exports = [
        f"export {MARK}={shlex.quote(str(root))}",
        *(f"export {name}={count}" for name, count in ONE_THREAD.items()),
    ]
    init = "\n".join([f"export PATH={shlex.quote(str(_scripts()))}:$PATH", *exports, executor.worker_init])
    if isinstance(executor, SlurmExecutor):
        return slurm_jobs(executor, root, init)
    if isinstance(executor, PbsExecutor):
        return pbs_jobs(executor, root, init)
    if isinstance(executor, KubernetesExecutor):
        from alloop.workers.kubernetes import pods

        return pods(executor, root, "\n".join([*exports, executor.worker_init]))
    return LocalBlocks(
        init_blocks=1, min_blocks=1, max_blocks=1, worker_init=init, launcher=SingleNodeLauncher(fail_on_any=False)
    )


def _accelerators(executor: ExecutorConfig) -> list[str]:
    """Return the GPU of each worker of a node; a lone GPU is left to the batch system to name."""
    gpus = executor.gpus_per_node if isinstance(executor, BatchExecutor | KubernetesExecutor) else None
    if gpus is None or gpus == 1:
        return []
    return [str(worker * gpus // executor.workers) for worker in range(executor.workers)]


def _one_line(error: BaseException | None) -> str:
    return "" if error is None else redacted(one_line(message(error)) or type(error).__name__)[:300]


def wait(completions: queue.SimpleQueue[Completion], timeout_s: float) -> list[Completion]:
    """Return all completions that are there, waiting for the first at most `timeout_s` seconds.

    Tasks that were lost together are returned together.
    """
    try:
        found = [completions.get(timeout=timeout_s)]
    except queue.Empty:
        return []
    settle_s = 0.0
    while True:
        if isinstance(found[-1].error, ManagerLost):
            settle_s = SETTLE_S
        try:
            found.append(completions.get(timeout=settle_s) if settle_s else completions.get_nowait())
        except queue.Empty:
            return found
