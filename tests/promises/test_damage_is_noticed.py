"""Whatever is damaged on disk is refused in one sentence that names it; nothing goes on with it."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest
import torch

from mfsn.data.spectra import BinRange
from mfsn.experiment.compute_task import load_network, save_network
from mfsn.experiment.encoders import describe_encoder
from mfsn.experiment.results import (
    RESULT_FILE,
    TaskOutput,
    merge,
    read_lines,
    read_run,
    write_output,
)
from mfsn.model.genotype import Genotype
from pretrain.data.synthetic.corpus import check_finished
from pretrain.data.vocabulary import load_vocabulary
from pretrain.engine.run_folder import RunFolder
from pretrain.model.encoder import build_encoder
from pretrain.model.kinds.released import is_released
from pretrain.model.weights import load_encoder, read_weights, save_encoder, weights_hash
from pretrain.shared.errors import UserError
from pretrain.shared.run_record import RunRecord
from probe.codes.alignment import load_aligner
from probe.contamination.check import heard_by
from probe.results import read_results
from probe.rows.comparable import read_encoder_run
from tests.pretrain.model.small import SETTINGS

READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a run": ("run.json", lambda folder: RunFolder(folder).description(RunRecord)),
    "a row": ("run.json", read_encoder_run),
    "a probe": ("run.json", read_results),
    "a recognizer": ("run.json", load_aligner),
    "an encoder of MFSN": ("run.json", lambda folder: describe_encoder(folder, "tec")),
    "a run of MFSN": ("run.json", read_run),
    "sizes": ("encoder.json", load_encoder),
    "sizes of others": ("config.json", is_released),
    "a vocabulary": ("vocabulary.json", load_vocabulary),
    "a genotype": ("genotype.json", lambda folder: Genotype.load(folder / "genotype.json")),
    "a corpus": ("finished.json", lambda folder: check_finished(folder, {"format": 1})),
    "rows of MFSN": ("rows.jsonl", lambda folder: read_lines(folder / "rows.jsonl")),
}

CONTENTS = {
    "a list": b"[]\n",
    "null": b"null\n",
    "a number": b"5\n",
    "cut": b'{"kind": "pretr\n',
    "deep": b"[" * 100_000 + b"\n",
    "no text": b"\xff\xfe{}\n",
    "twice": b'{"kind": "pretrain", "kind": "pretrain", "status": "finished"}\n',
    "wrong types": b'{"kind": 1, "format": "1", "status": 2, "model_type": 3, "action": 4}\n',
}


PAIRS = [
    (reader, content)
    for reader in READERS
    for content in CONTENTS
    # Whoever reads the rows knows their types.
    if (reader, content) != ("rows of MFSN", "wrong types")
]


@pytest.mark.parametrize(("reader", "content"), PAIRS)
def test_what_is_no_record_is_refused_in_one_sentence(
    reader: str, content: str, tmp_path: Path
) -> None:
    name, read = READERS[reader]
    (tmp_path / name).write_bytes(CONTENTS[content])
    with pytest.raises(UserError) as caught:
        read(tmp_path)
    said = str(caught.value)
    assert str(tmp_path) in said
    assert "\n" not in said
    assert len(said) < 700


def finished(folder: Path) -> Path:
    """An encoder's folder with what its run says of it."""
    encoder, initial = build_encoder(SETTINGS, seed=1), build_encoder(SETTINGS, seed=2)
    save_encoder(folder, encoder)
    save_encoder(folder, initial, initial=True)
    record = {
        "kind": "pretrain",
        "status": "finished",
        "settings": {"encoder": asdict(SETTINGS)},
        "hashes": {
            "final_weights": weights_hash(encoder),
            "initial_weights": weights_hash(initial),
        },
    }
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def test_other_weights_than_the_run_ended_with_are_refused(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    assert weights_hash(load_encoder(folder)) != weights_hash(load_encoder(folder, initial=True))
    file = folder / "encoder.safetensors"
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"encoder\.safetensors` is not what its run ended with"):
        read_weights(folder)
    file.write_bytes((folder / "initial.safetensors").read_bytes())
    with pytest.raises(ValueError, match="is not what its run ended with"):
        load_encoder(folder)
    load_encoder(folder, initial=True)


def test_sizes_that_change_no_shape_are_compared_with_the_runs(tmp_path: Path) -> None:
    file = finished(tmp_path) / "encoder.json"
    text = file.read_text()
    assert '"num_heads": 4' in text
    file.write_text(text.replace('"num_heads": 4', '"num_heads": 2'))
    with pytest.raises(ValueError, match=r"`num_heads` = 2, but .*run\.json says 4"):
        load_encoder(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"), [("model_dim", 30_000), ("ffn_dim", 2**40), ("num_layers", 10**7)]
)
def test_sizes_that_the_weights_do_not_have_cost_no_memory(
    key: str, value: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = finished(tmp_path) / "encoder.json"
    description = json.loads(file.read_text())
    description["settings"][key] = value
    file.write_text(json.dumps(description))
    (tmp_path / "run.json").unlink()

    def build(*_: object) -> None:
        raise AssertionError("memory was asked for")

    monkeypatch.setattr("pretrain.model.weights.build_encoder", build)
    with pytest.raises(ValueError, match=r"does not fit the sizes in|must (be|have) at most"):
        load_encoder(tmp_path)


def test_a_network_of_other_sizes_is_refused(tmp_path: Path) -> None:
    bins = BinRange(low=torch.zeros(2), high=torch.ones(2))
    nothing = torch.nn.Identity()
    save_network(tmp_path, torch.nn.Linear(3, 2), nothing, bins)
    load_network(tmp_path, torch.nn.Linear(3, 2), nothing)
    with pytest.raises(ValueError, match=r"network\.safetensors holds another network"):
        load_network(tmp_path, torch.nn.Linear(4, 2), nothing)


def test_a_tasks_table_that_was_cut_is_not_joined(tmp_path: Path) -> None:
    task = tmp_path / "task"
    line = {"selection": "dev", "id": "a", "speaker": "s", "session": "", "target": "x"}
    lines = [{**line, "id": name, "prediction": "x"} for name in "abc"]
    write_output(task, TaskOutput(result={"seconds": 1.0}, tables={"predictions": lines}))
    names = {"variant": "v", "seed": 0, "fold": "f"}
    folds = pd.DataFrame(columns=["fold", "id", "part"])
    assert merge(tmp_path / "run", [(names, task)], folds) == [{**names, "seconds": 1.0}]
    file = task / "predictions.csv"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(ValueError, match=r"predictions\.csv is gone or was changed"):
        merge(tmp_path / "run", [(names, task)], folds)
    assert (task / RESULT_FILE).is_file()


def test_an_encoder_whose_record_is_damaged_may_have_heard_more(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{")
    stages = [(heard.name, heard.table) for heard in heard_by([("row", None, tmp_path)])]
    assert len(stages) == 2
