"""What the encoders of a run have heard is in its run.json: looked for once, by one process."""

import shutil
from pathlib import Path

import pytest

from mfsn.command_line import WORKER
from mfsn.experiment import prepare as preparing
from mfsn.experiment.results import read_run
from mfsn.run import main
from pretrain.data.tables.utterances import save_table
from probe.contamination.check import contamination
from probe.corpora.read import read_probe_corpus
from tests.mfsn.commands import command

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("runs")]


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the corpora that were looked for."""
    corpora: list[str] = []
    original = contamination

    def counted(corpus: str, *rest: object, **more: object) -> object:
        corpora.append(corpus)
        return original(corpus, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(preparing, "contamination", counted)
    return corpora


def train(place: Path, out: Path, *more: str) -> list[str]:
    return command(place, "train", out, "--variant", "both", "--fold", "s1", *more)


def test_training_and_evaluation_tell_what_was_heard_and_look_once(
    place: Path, tmp_path: Path, looked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = f"mine={place / 'corpus' / 'manifest.csv'}"
    tec = shutil.copytree(place / "tec", tmp_path / "tec")
    save_table(read_probe_corpus(spec)[:4].assign(source="heard"), tec / "utterances.csv")
    out, again = tmp_path / "out", tmp_path / "again"
    arguments = train(place, out, "--tec", str(tec))
    assert main([*arguments, "--protocol", "session"]) == 1, "its fold has another name"
    assert looked == []
    evaluation = ["evaluate", "--run", str(out), "--corpus", spec, "--out", str(again)]
    for same in (arguments, evaluation):
        assert main(same) == 0
        assert main(same) == 0
    assert main([*arguments, "--set", "fit.lr=0.1"]) == 1
    assert looked == ["mine", "mine"], "once for each folder"
    for folder in (out, again):
        known, unknown = read_run(folder)["contamination"]
        assert (known["pretrained_on"], known["rows"]) == ("heard", [["tec", None]])
        assert (known["by_hash"], known["num_utterances"]) == (4, 18)
        assert (unknown["pretrained_on"], unknown["rows"]) == ("unknown", [["sec", None]])


def test_a_worker_does_not_look_and_who_speaks_for_all_does_later(
    place: Path, tmp_path: Path, looked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setenv(WORKER, "0")
    assert main(train(place, out)) == 0
    assert looked == []
    assert "contamination" not in read_run(out)
    monkeypatch.delenv(WORKER)
    assert main(train(place, out)) == 0
    assert looked == ["mine"]
    run = read_run(out)
    assert len(run["contamination"]) == 1  # of neither encoder anything is known
    assert run["status"] == "finished"
