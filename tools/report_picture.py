"""Take a picture of one section of a report, as the documentation shows it.

    python -m tools.report_picture runs/NAME/report.html hull-section docs/hull.webp [--width 1000] [--scheme dark]

It needs Chromium. The names of the sections are the `id`s in the file. A dragged or turned figure cannot be shown: the
picture is what a reader sees first.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import tempfile
import time
from pathlib import Path

from PIL import Image

from tests.support.browser import Browser

SETTLING_S = 0.5
"""What a figure takes to be drawn once it has come into view."""


def drawn(browser: Browser) -> None:
    """Look at the whole page once: figures are drawn when they come into view, and then have another height."""
    place = 0.0
    while place < browser.ask("document.body.scrollHeight"):
        browser.ask(f"scrollTo(0, {place})")
        time.sleep(SETTLING_S)
        place += browser.ask("innerHeight")


def picture(report: Path, section: str, width: int, scheme: str, most_height: int) -> Image.Image:
    """Return the picture of a section.

    Raises
    ------
    SystemExit
        If the page has no such section.
    """
    asked = f"document.getElementById({json.dumps(section)})"
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(Path(profile))
        try:
            browser.show(report.resolve(), width, scheme)
            if not browser.ask(f"!!{asked}"):
                raise SystemExit(f"no section `{section}` in this report")
            drawn(browser)
            size = {"width": width, "height": most_height, "deviceScaleFactor": 1, "mobile": False}
            browser("Emulation.setDeviceMetricsOverride", **size)
            browser.ask(f"{asked}.scrollIntoView()")
            time.sleep(10 * SETTLING_S)
            box = browser.ask(f"(r => [r.left, r.top, r.right, r.bottom])({asked}.getBoundingClientRect())")
            shot = browser("Page.captureScreenshot", format="png")["data"]
        finally:
            browser.close()
    seen = Image.open(io.BytesIO(base64.b64decode(shot)))
    left, top, right, bottom = (max(0, round(place)) for place in box)
    return seen.crop((left, top, min(right, seen.width), min(bottom, seen.height)))


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("section")
    parser.add_argument("output", type=Path)
    parser.add_argument("--width", type=int, default=1000)
    parser.add_argument("--scheme", choices=["light", "dark"], default="light")
    parser.add_argument("--most-height", type=int, default=1500, help="what is below it is cut off (CSS pixels)")
    told = parser.parse_args()
    picture(told.report, told.section, told.width, told.scheme, told.most_height).save(told.output, quality=80)


if __name__ == "__main__":
    main()
