"""The documentation as a site: MkDocs builds it without a warning, and every link leads somewhere."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from tools.site_links import in_the_site, outside

ROOT = Path(__file__).parents[2]


class Page(HTMLParser):
    """Where a page of the site leads, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.anchors = {"", "__top"}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.targets.add(value)
            if name in ("id", "name") and value:
                self.anchors.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html") if path.name != "404.html"}


def broken(path, page, pages):
    """Yield the links of a page that lead nowhere; nothing outside the site is asked."""
    for target in page.targets:
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            continue
        found = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        found = found / "index.html" if found.is_dir() else found
        if not found.is_file() or (found in pages and unquote(parts.fragment) not in pages[found].anchors):
            yield f"{path.name}: {target}"


def test_every_link_leads_to_a_page_a_file_or_an_anchor(pages):
    assert [one for path, page in pages.items() for one in broken(path, page, pages)] == []


def test_a_link_that_leads_nowhere_is_found(site, pages):
    links = '<a href="no_page.html">a</a><a href="verdict.html#no-anchor">b</a><a href="verdict.html">c</a>'
    assert len(list(broken(site / "index.html", Page(links), pages))) == 2


def test_files_outside_the_documentation_are_copied(site, pages):
    copies = [path for path in site.rglob("repository/**/*.txt") if path.is_file()]
    assert copies
    for copy in copies:
        source = ROOT / copy.relative_to(site / "repository").with_suffix("")
        assert copy.read_bytes() == source.read_bytes()


def test_every_page_is_in_the_contents(site):
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = [word for line in text.splitlines() if (word := line.strip(" -")).endswith(".md")]
    there = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    assert sorted(listed) == sorted(there)
    assert [next(iter(tab)) for tab in yaml.safe_load(text[text.index("nav:") : text.index("plugins:")])["nav"]] == [
        "Home",
        "Tutorial",
        "How-to",
        "Reference",
        "Explanation",
        "Benchmarks",
        "Develop",
    ]


@pytest.mark.parametrize(
    ("link", "page", "leads"),
    [
        ("../configs/quickstart.yaml", "report.md", "repository/configs/quickstart.yaml.txt"),
        ("../../configs/quickstart.yaml", "howto/cluster.md", "../repository/configs/quickstart.yaml.txt"),
        ("../README.md", "report.md", "index.md"),
        ("../../README.md", "howto/cluster.md", "../index.md"),
        ("../verdict.md", "howto/cluster.md", "../verdict.md"),
        ("report-390-dark.webp", "report.md", "report-390-dark.webp"),
    ],
)
def test_where_a_link_leads_in_the_site(link, page, leads):
    assert in_the_site(link, page) == leads


def test_what_a_page_links_to_outside_the_documentation():
    text = "[a](../configs/quickstart.yaml) [b](verdict.md#x) [c](https://example.org/x) [d](../configs/liybc.yaml#y)"
    assert list(outside(text, "report.md")) == ["configs/quickstart.yaml", "configs/liybc.yaml"]
