"""A corpus with encoders and a finished search, made once for all tests of whole commands."""

from pathlib import Path

import pytest

from mfsn.run import main
from tests.mfsn.commands import command, make_place


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus of three speakers and three encoders."""
    folder = tmp_path_factory.mktemp("mfsn")
    make_place(folder)
    return folder


@pytest.fixture
def runs(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """States are kept beside the corpus."""
    monkeypatch.setenv("RUNS", str(place / "runs"))


@pytest.fixture(scope="session")
def searched(place: Path) -> Path:
    """The run folder of a finished search over two seeds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNS", str(place / "runs"))
        assert main(command(place, "search", place / "searched", "--seed", "0", "--seed", "1")) == 0
    return place / "searched"
