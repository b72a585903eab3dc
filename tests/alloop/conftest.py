"""A small valid campaign in a folder of its own."""

import pytest

from tests.support.configs import Folder, make_folder


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Folder:
    home = make_folder(tmp_path)
    monkeypatch.chdir(home.root)
    return home
