"""Published numbers: read with their source, shown apart from what was measured."""

from pathlib import Path

import pytest

import reports
from pretrain.shared.errors import InputError
from reports.read.published import FOLDER, read_published
from tests.reports.conftest import make_probe

MINE = """
title = "Somebody (2026)"
url = "https://example.org/paper"
table = "Table 9"
how = "fine-tuned"
looked_up = false

[scores.emodb]
"a model" = { ua = 61.25 }
"""


def test_the_projects_files_say_what_was_printed() -> None:
    by_title = {one.title.partition(" ")[0]: one for one in read_published([])}
    emobox, emotion2vec = by_title["EmoBox"], by_title["emotion2vec"]
    # Three corpora of three models, and the paper of emotion2vec, as they were printed.
    printed = {"wav2vec 2.0 base": (58.27, 82.06, 54.33), "WavLM base": (62.92, 87.03, 61.56)}
    for model, values in printed.items():
        corpora = ("iemocap", "emodb", "ravdess")
        assert tuple(emobox.scores[name][model].ua for name in corpora) == values
    assert emotion2vec.scores["iemocap"]["emotion2vec"].wa == 71.79
    assert emotion2vec.scores["iemocap"]["emotion2vec"].ua is None
    assert all(one.looked_up and one.url.startswith("https://") for one in by_title.values())


@pytest.mark.slow
def test_they_stand_in_a_table_of_their_own(tmp_path: Path) -> None:
    probed = make_probe(tmp_path / "p", corpora=("emodb", "mine"), layers=("selected",))
    (tmp_path / "mine.toml").write_text(MINE)
    out = tmp_path / "out"
    page = reports.build([probed], out, published=[tmp_path / "mine.toml"])
    (file,) = (out / "tables").glob("published-*.csv")
    lines = file.read_text().splitlines()
    assert lines[0] == "part,model,ua,wa,source,url,marks"
    assert any(
        line.endswith("wav2vec 2.0 base,82.06,83.14,Table 4," + _url() + ",") for line in lines
    )
    assert "Somebody (2026) (as read second-hand),a model,61.25,,Table 9" in file.read_text()
    assert "None of it was measured here" in page.read_text()
    for scores in (out / "tables").glob("table4-*.csv"):
        assert "82.06" not in scores.read_text()
    again = (out / "again.sh").read_text()
    assert f"reports/run.py --runs {probed} --published {tmp_path / 'mine.toml'}" in again


def _url() -> str:
    return next(one.url for one in read_published([]) if one.title.startswith("EmoBox"))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("ua = 61.25", "ua = 161.25", r"`scores\.emodb\.a model\.ua`: Input should be less than"),
        ("ua = 61.25", "f1 = 61.25", r"`scores\.emodb\.a model\.f1`: Extra inputs"),
        ('url = "https://example.org/paper"', "", "`url`: Field required"),
        ("[scores", "[scores.", "must be as the files of"),
    ],
)
def test_a_faulty_file_is_refused_with_its_key(
    before: str, after: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text(MINE.replace(before, after))
    with pytest.raises(InputError, match=rf"--published .*mine\.toml: .*{words}"):
        read_published([tmp_path / "mine.toml"])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert list(FOLDER.glob("*.toml"))
    with pytest.raises(InputError, match=r"none\.toml: cannot be read"):
        read_published([tmp_path / "none.toml"])
