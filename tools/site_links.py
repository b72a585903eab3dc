"""Hooks of MkDocs: what a page links to outside docs/ becomes a file of the site, so that its links hold there too."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
COPIES = "repository"
"""Folder of the site that holds copies of files outside docs/."""
FRONT = {"README.md": "index.md"}
"""Files outside docs/ that a page of the site stands for."""
_LINK = re.compile(r"(?<=\]\()(?!\w+:)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files outside docs/ that pages link to."""
    from mkdocs.structure.files import File

    sources = [file for file in files if file.is_documentation_page()]
    named = {path for file in sources for path in outside(file.content_string, file.src_uri)}
    for path in sorted(named - set(FRONT)):
        if (ROOT / path).is_file():
            files.append(File.generated(config, f"{COPIES}/{path}.txt", abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return a page whose links lead to files of the site."""
    return _LINK.sub(lambda match: in_the_site(match[1], page.file.src_uri), markdown)


def outside(markdown: str, page: str) -> Iterator[str]:
    """Yield the files outside docs/ that a page links to, from the root of the repository."""
    for match in _LINK.finditer(markdown):
        target = _from_the_root(match[1], page)
        if not target.startswith("docs/"):
            yield target


def in_the_site(link: str, page: str) -> str:
    """Return where a link of a page leads in the site, as a path from the page.

    Examples
    --------
    >>> in_the_site("../../configs/quickstart.yaml", "howto/cluster.md")
    '../repository/configs/quickstart.yaml.txt'
    >>> in_the_site("../README.md", "report.md"), in_the_site("../verdict.md", "howto/cluster.md")
    ('index.md', '../verdict.md')
    """
    target = _from_the_root(link, page)
    if target.startswith("docs/"):
        return link
    return posixpath.relpath(FRONT.get(target, f"{COPIES}/{target}.txt"), posixpath.dirname(page) or ".")


def _from_the_root(link: str, page: str) -> str:
    return posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link))
