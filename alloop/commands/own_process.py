"""Ask a module of alloop a question in a process of its own on one core: it reads and writes one line of JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from alloop.failures import one_line
from alloop.files.environment import ONE_THREAD


class NoAnswerError(Exception):
    """The process gave no answer, or said why it has none; the message is one line."""


def answer_of(module: str, question: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of ``python -m MODULE``, which reads a question from standard input.

    Raises
    ------
    NoAnswerError
        If the process died, or its answer has ``failed``.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-m", module],
        input=json.dumps(question),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, **ONE_THREAD},
        check=False,
    )
    try:
        answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise NoAnswerError(one_line(last)) from None
    if "failed" in answer:
        raise NoAnswerError(one_line(answer["failed"]))
    return answer
