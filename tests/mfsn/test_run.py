"""The commands of MFSN from end to end on a small made-up corpus, with tiny encoders."""

import json
import signal
from pathlib import Path
from shutil import copytree

import numpy as np
import pandas as pd
import pytest

from mfsn.experiment.experiment import VariantOnFold
from mfsn.experiment.results import COLUMNS, read_run, read_table
from mfsn.run import main
from mfsn.search.predict import FloatArray, NetworkFunction
from tests.mfsn.commands import command, make_corpus, run_script, start_script, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("runs")]


def test_a_search_leaves_tables_networks_and_genotypes(searched: Path) -> None:
    run = read_run(searched)
    assert run["status"] == "finished"
    assert run["folds"] == run["protocol_folds"] == ["s0", "s1", "s2"]
    assert "The encoder tec (" in run["warnings"][0]
    assert "never fine-tuned" in run["warnings"][0]
    assert run["levels"] == [1, 1, 2]
    assert run["trained_parts"] == ["head", "fusion"]
    assert run["variants"][0]["parameters"] > 0
    assert run["encoders"]["tec"]["name"] == "tec"
    for name in ("scores", "predictions", "folds", "epochs", "alpha", "levels", "structures"):
        assert tuple(read_table(searched / f"{name}.csv").columns) == COLUMNS[name], name
    predictions = read_table(searched / "predictions.csv")
    assert len(predictions) == 2 * 18
    assert not predictions.duplicated(["seed", "id"]).any()
    assert set(read_table(searched / "levels.csv")["level"]) == {"0", "1", "2"}
    for seed in (0, 1):
        for fold in run["folds"]:
            task = searched / "tasks" / "mfsn" / f"seed-{seed}" / fold
            assert {"result.json", "genotype.json", "network.safetensors"} <= {
                path.name for path in task.iterdir()
            }
            assert not (task / "checkpoints").exists()


def test_the_same_command_reuses_and_another_is_refused(
    searched: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = command(place, "search", searched, "--seed", "1", "--seed", "0")
    before = (searched / "scores.csv").stat().st_mtime_ns
    assert main(same) == 0
    assert "Already finished" in capsys.readouterr().out
    assert (searched / "scores.csv").stat().st_mtime_ns == before
    assert main([*same, "--set", "fit.lr=0.1"]) == 1
    assert "settings.fit.lr: 0.001 in the folder, 0.1 now" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--set", "fit.lrr=1"], "did you mean `fit.lr`?"),
        (["--set", "head.image_height=8"], "must be at least"),
        (["--fold", "s9"], "the folds of mine under protocol speaker are s0, s1, s2"),
        (["--tec", "nowhere"], "`--tec` must be the folder of an encoder"),
        (["--corpus", "mine=nowhere.csv"], "nowhere.csv"),
    ],
)
def test_wrong_input_is_refused_in_words(
    more: list[str], message: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(place, "search", tmp_path / "out", *more)) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out" / "run.json").exists()


def test_exchanged_encoders_are_refused_before_anything_is_read(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--sec-quantized", str(place / "continuous"), "--corpus", "mine=nowhere.csv"]
    assert main(command(place, "ablate", tmp_path / "out", *more)) == 1
    assert "continuous is 'continuous' instead" in capsys.readouterr().err


def test_a_network_that_answers_one_class_and_folds_that_are_left_out_are_named(
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def always_sad(fold: VariantOnFold, network: NetworkFunction) -> FloatArray:
        return np.tile(np.log([[0.1, 0.9]]), (len(fold.test), 1))

    monkeypatch.setattr(VariantOnFold, "tested", always_sad)
    assert main(command(place, "search", tmp_path / "out", "--fold", "s1")) == 0
    said = capsys.readouterr().out
    assert "warning: mfsn, seed 0, fold s1: the network answers 'sad' to every" in said
    assert "Results of 1 of 3 folds" in said
    run = read_run(tmp_path / "out")
    named = {"variant": "mfsn", "seed": 0, "fold": "s1", "constant_answer": "sad"}
    assert run["constant_networks"] == [named]
    assert (run["folds"], run["protocol_folds"]) == (["s1"], ["s0", "s1", "s2"])


def test_an_evaluation_names_the_run_whose_encoder_is_gone(
    searched: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = tmp_path / "moved"
    copytree(searched, moved)
    run = json.loads((moved / "run.json").read_text())
    run["encoders"]["tec"]["folder"] = str(tmp_path / "gone")
    (moved / "run.json").write_text(json.dumps(run))
    arguments = ["evaluate", "--run", str(moved), "--corpus", "x=y", "--out", str(tmp_path / "o")]
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert f"--run {moved}: its encoder tec must be the folder of an encoder" in said
    assert "--tec" not in said


def test_no_test_utterance_is_seen_before_it_is_tested(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen_before: list[tuple[set[int], set[int]]] = []
    tested = VariantOnFold.tested

    def watched(fold: VariantOnFold, network: NetworkFunction) -> FloatArray:
        seen_before.append((set(fold.data.seen), set(fold.test.tolist())))
        return tested(fold, network)

    monkeypatch.setattr(VariantOnFold, "tested", watched)
    assert main(command(place, "ablate", tmp_path / "out", "--fold", "s1")) == 0
    assert len(seen_before) == 5
    for seen, test in seen_before:
        assert len(seen) == 12
        assert len(test) == 6
        assert not seen & test


def test_optimistic_scores_are_rows_of_their_own_and_change_nothing(
    place: Path, tmp_path: Path
) -> None:
    for name, more in (("plain", ()), ("optimistic", ("--optimistic",))):
        assert main(command(place, "search", tmp_path / name, "--fold", "s1", *more)) == 0
    plain = read_table(tmp_path / "plain" / "predictions.csv")
    both = read_table(tmp_path / "optimistic" / "predictions.csv")
    pd.testing.assert_frame_equal(plain, both[both["selection"] == "dev"].reset_index(drop=True))
    assert set(both["selection"]) == {"dev", "test-selected (optimistic)"}


def test_several_processes_share_the_tasks_of_an_ablation(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "ablation"
    done = run_script(place, command(place, "ablate", out, "--jobs", "2", "--fold", "s0"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("18 utterances") == 1
    assert done.stdout.count("[5/5]") == 1
    assert read_run(out)["hardware"]["processes"] == 2
    scores = read_table(out / "scores.csv")
    assert set(scores["variant"]) == {"tec", "sec-quantized", "sec-continuous", "both", "mfsn"}
    assert [entry["search"] for entry in read_run(out)["variants"]] == [False] * 4 + [True]


def test_ctrl_c_loses_nothing_and_the_end_is_that_of_a_straight_run(
    place: Path, tmp_path: Path
) -> None:
    more = ("--fold", "s0", "--set", "fit.max_epochs=60", "--set", "fit.patience=60")
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    assert main(command(place, "search", straight, *more)) == 0
    process = start_script(place, command(place, "search", stopped, *more))
    task = stopped / "tasks" / "mfsn" / "seed-0" / "s0"
    wait_for(lambda: list((task / "checkpoints").glob("update-*")), process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "the same command goes on" in said
    assert "Traceback" not in said
    assert read_run(stopped)["status"] == "stopped"
    assert main(command(place, "search", stopped, *more)) == 0
    for name in ("predictions", "alpha", "structures"):
        assert (straight / f"{name}.csv").read_bytes() == (stopped / f"{name}.csv").read_bytes()


def test_saved_networks_give_the_same_answers_again(
    searched: Path, place: Path, tmp_path: Path
) -> None:
    corpus = f"mine={place / 'corpus' / 'manifest.csv'}"
    out = tmp_path / "again"
    assert main(["evaluate", "--run", str(searched), "--corpus", corpus, "--out", str(out)]) == 0
    assert (out / "predictions.csv").read_bytes() == (searched / "predictions.csv").read_bytes()
    assert read_run(out)["action"] == "evaluate"


def test_an_evaluation_refuses_who_was_trained_on_and_takes_others(
    searched: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", "--run", str(searched), "--out", str(tmp_path / "out"), "--corpus"]
    copied = make_corpus(tmp_path / "copied", range(4))
    assert main([*arguments, copied]) == 1
    assert "18 of its recordings were in the corpus" in capsys.readouterr().err
    same_speakers = make_corpus(tmp_path / "same", range(2), draw="other")
    assert main([*arguments, same_speakers]) == 1
    assert "its speaker 's0' was in the corpus" in capsys.readouterr().err
    others = make_corpus(tmp_path / "others", range(7, 9), draw="other")
    assert main([*arguments, others]) == 0
    predictions = read_table(tmp_path / "out" / "predictions.csv")
    assert len(predictions) == 2 * 3 * 12
    assert set(predictions["speaker"]) == {"s7", "s8"}


def test_a_found_structure_is_trained_from_scratch(
    searched: Path, place: Path, tmp_path: Path
) -> None:
    genotype = searched / "tasks" / "mfsn" / "seed-0" / "s1" / "genotype.json"
    more = ("--genotype", str(genotype), "--fold", "s1")
    assert main(command(place, "train", tmp_path / "derived", *more)) == 0
    found = json.loads(genotype.read_text())
    (line,) = read_table(tmp_path / "derived" / "structures.csv").to_dict("records")
    assert line["operations"] == "+".join(found["operations"])
    assert int(line["level"]) == found["level"]


def test_a_structure_of_another_encoder_is_refused_and_one_without_layer_gets_it(
    searched: Path, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {"format": 1, "level": 2, "layer": 12, "operations": ["sum"]}
    file = tmp_path / "genotype.json"
    file.write_text(json.dumps(values))
    more = ("--genotype", str(file), "--fold", "s1")
    assert main(command(place, "train", tmp_path / "derived", *more)) == 1
    assert "`layer` must be 2" in capsys.readouterr().err
    file.write_text(json.dumps(values | {"layer": -1}))
    assert main(command(place, "train", tmp_path / "derived", *more)) == 0
    (line,) = read_table(tmp_path / "derived" / "structures.csv").to_dict("records")
    assert (line["level"], line["layer"]) == ("2", "2")


def test_what_is_too_short_is_said_once_and_noted(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--variant", "both", "--fold", "s1", "--set", "inputs.min_tail_seconds=1.0")
    assert main(command(place, "train", tmp_path / "out", *more)) == 0
    # Three utterances of 3.75 s, whose remainders have 0.75 s each; 18 segments are left.
    said = "mine: 18 segments; 3 remainders at the end of an utterance (2.2 s in all) are too short"
    assert capsys.readouterr().out.count(said) == 1
    assert sum(said in note for note in read_run(tmp_path / "out")["notes"]) == 1
