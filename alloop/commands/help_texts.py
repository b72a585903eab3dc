"""What the help of each command ends with: an example, and its exit codes. Imports nothing."""

from __future__ import annotations

_USED = "2 what was named cannot be used"
_DRIVEN = "0 done, 2 cannot be used, 3 gave up, 75 broken for now, 130 stopped; the same command goes on"
_EXAMPLES = {
    "init": ("alloop init my --structure my.cif --mobile Li", f"0 written, {_USED}"),
    "check": ("alloop check my/my.yaml --probe", "0 can run, 2 cannot"),
    "structures": ("alloop structures my/my.yaml", f"0 written, {_USED}"),
    "run": ("alloop run my/my.yaml", _DRIVEN.replace("0 done", "0 verdict reached")),
    "rehearse": ("alloop rehearse my/my.yaml --seeds 2", _DRIVEN),
    "teach": ("alloop teach my/my.yaml --output my.pt", _DRIVEN),
    "measure": ("alloop measure my/my.yaml", _DRIVEN),
    "study": ("alloop study relax my/my.yaml", _DRIVEN),
    "status": ("alloop status runs/my --watch", f"0 shown, {_USED}"),
    "list": ("alloop list runs", f"0 shown, {_USED}"),
    "stop": ("alloop stop runs/my", f"0 no driver runs it any more, {_USED}, 75 it still runs"),
    "prune": ("alloop prune runs/my --delete", f"0 done, {_USED}"),
    "sync": ("alloop sync runs/my", f"0 sent, {_USED}, 75 the server did not take everything"),
    "compare": ("alloop compare runs/a runs/b --format csv", f"0 shown, {_USED}"),
    "analyse": ("alloop analyse XDATCAR --mobile Li --timestep-fs 2 --temperature 900", f"0 shown, {_USED}"),
    "report": ("alloop report runs/my", f"0 written, {_USED}"),
    "export": ("alloop export runs/my --committee", f"0 written, {_USED}"),
}


def epilog(command: str) -> str:
    """Return the end of the help of a command; an empty line begins a new line there.

    Examples
    --------
    >>> print(epilog("check"))
    Example: alloop check my/my.yaml --probe
    <BLANKLINE>
    Exit codes: 0 can run, 2 cannot.
    """
    example, codes = _EXAMPLES[command]
    return f"Example: {example}\n\nExit codes: {codes}."
