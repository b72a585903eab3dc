"""Write the list of metrics into ``docs/wandb.md`` from the code: ``python docs/make_wandb_reference.py``."""

from __future__ import annotations

from pathlib import Path

from alloop.monitor.wandb_metrics import ROWS, SUMMARY, Group

PAGE = Path(__file__).with_name("wandb.md")
HEAD = "## Metrics\n\nWritten by `docs/make_wandb_reference.py` from the code; do not edit below this line.\n"


def page(text: str) -> str:
    """Return the page with the list of metrics as the code has it in place of the one in its text."""
    return text.partition("## Metrics\n")[0] + "\n".join([HEAD, *map(_section, (*ROWS, SUMMARY))])


def _section(group: Group) -> str:
    rows = [f"| `{one.name}` | {one.unit} | {one.says} |" for one in group.metrics]
    return "\n".join(
        [f"### {group.title}", "", f"In: {group.when}.", "", "| metric | unit | says |", "|---|---|---|", *rows, ""]
    )


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
