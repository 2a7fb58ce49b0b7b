"""Exports: the same states in transformers, the same transcripts, and what they say of the run."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
import transformers

from pretrain import export
from pretrain.data.loader import normalize_waveform, pad_waveforms
from pretrain.data.vocabulary import Vocabulary
from pretrain.model.encoder import build_encoder
from pretrain.model.frozen import load_frozen
from pretrain.model.kinds.registry import read_encoder_folder
from pretrain.model.weights import save_encoder
from pretrain.objectives.ctc import CtcHead
from pretrain.recognition.recognizer import Recognizer, load_recognizer
from pretrain.shared.random_streams import generator
from tests.pretrain.model.small import SETTINGS

LENGTHS = (16_000, 9_001, 12_345)
NARROW = replace(SETTINGS, conv_dim=24, model_dim=24, num_heads=2, position_groups=2)
"""Equal widths: here fairseq2's own format would drop the projection."""


def make_run(folder: Path, settings: Any = SETTINGS, **changes: Any) -> Path:
    folder.mkdir(parents=True)
    save_encoder(folder, build_encoder(settings, seed=3))
    save_encoder(folder, build_encoder(settings, seed=4), initial=True)
    record = {
        "kind": "pretrain", "status": "finished", "name": "continuous-k4", "mode": "continuous",
        "row": {"top_k": 4}, "seed": 3, "updates": 7, "corpus": {"name": "noise", "hours": 0.5},
        **changes,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def sounds() -> list[np.ndarray]:
    return [generator("export", n).normal(0.01, 0.1, n).astype(np.float32) for n in LENGTHS]


@pytest.mark.parametrize("settings", [SETTINGS, NARROW, replace(SETTINGS, norm_order="pre")])
@pytest.mark.parametrize("initial", [False, True])
def test_every_hidden_state_is_that_of_the_run_padded_batches_too(
    settings: Any, initial: bool, tmp_path: Path
) -> None:
    run, out = make_run(tmp_path / "run", settings), tmp_path / "out"
    options = ["--initial"] if initial else []
    assert export.main([str(run), "--to", "transformers", str(out), *options]) == 0
    model = transformers.AutoModel.from_pretrained(out).eval()
    assert isinstance(model, transformers.Wav2Vec2Model)
    waveforms, num_samples = pad_waveforms([normalize_waveform(x) for x in sounds()])
    mask = (torch.arange(waveforms.shape[1]) < num_samples[:, None]).long()
    with torch.no_grad():
        theirs = model(waveforms, attention_mask=mask, output_hidden_states=True).hidden_states
    ours = load_frozen(run, initial=initial)(waveforms, num_samples)
    assert len(ours.layers) == len(theirs) == settings.num_layers + 1
    for mine, other in zip(ours.layers, theirs, strict=True):
        for row, count in enumerate(ours.num_frames.tolist()):
            torch.testing.assert_close(mine[row, :count], other[row, :count], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("quieter", [1.0, 1e-3])
def test_its_feature_extractor_gives_what_the_encoder_expects(
    quieter: float, tmp_path: Path
) -> None:
    run, out = make_run(tmp_path / "run"), tmp_path / "out"
    export.main([str(run), str(out)])
    encoder = load_frozen(run)
    extractor = cast(Any, transformers).AutoFeatureExtractor.from_pretrained(out)
    heard = [np.float32(quieter) * sound for sound in sounds()]
    given = extractor(heard, sampling_rate=16_000, padding=True, return_tensors="pt")
    assert set(given) == {"input_values", "attention_mask"}
    for row, sound in enumerate(heard):
        expected = torch.from_numpy(encoder.prepare(sound))
        found = given["input_values"][row, : len(sound)]
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert "normalises sound as the run did" in (out / "README.md").read_text()


def test_an_encoder_that_does_not_say_its_epsilon_keeps_that_of_before(tmp_path: Path) -> None:
    run, out = make_run(tmp_path / "run"), tmp_path / "out"
    sizes = json.loads((run / "encoder.json").read_text())
    assert sizes["settings"].pop("normalize_epsilon") == 1e-7
    (run / "encoder.json").write_text(json.dumps(sizes))
    quiet = np.float32(1e-3) * sounds()[0]
    expected = torch.from_numpy((quiet - quiet.mean()) / np.sqrt(quiet.var() + 1e-5))
    export.main([str(run), str(out)])
    for folder in (run, out):
        prepared = torch.from_numpy(load_frozen(folder).prepare(quiet))
        torch.testing.assert_close(prepared, expected, atol=1e-5, rtol=1e-5)
    words = " ".join((out / "README.md").read_text().split())
    assert "with an epsilon of 1e-05 on its variance" in words
    assert "quieter than -40 dB of full scale (RMS) therefore has other states" in words


def test_an_export_says_what_it_is_and_has_the_runs_own_frames(tmp_path: Path) -> None:
    run, out = make_run(tmp_path / "run"), tmp_path / "out"
    export.main([str(run), str(out)])
    described = read_encoder_folder(out).described
    assert (described.name, described.mode) == ("continuous-k4", "continuous")
    assert described.finetuned is False
    own, again = load_frozen(run), load_frozen(out)
    waveforms, num_samples = pad_waveforms([own.prepare(x) for x in sounds()])
    same = pad_waveforms([again.prepare(x) for x in sounds()])[0]
    torch.testing.assert_close(waveforms, same, rtol=0, atol=0)
    first, second = own(waveforms, num_samples), again(waveforms, num_samples)
    assert torch.equal(first.num_frames, second.num_frames)
    for row, count in enumerate(first.num_frames.tolist()):
        for a, b in zip(first.layers, second.layers, strict=True):
            torch.testing.assert_close(a[row, :count], b[row, :count], atol=1e-5, rtol=1e-5)
    card = (out / "README.md").read_text()
    assert "| trained as | continuous |" in card
    assert "| corpus | noise (0.50 hours) |" in card


def test_initial_weights_are_not_said_to_be_trained(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export.main([str(make_run(tmp_path / "run")), str(out), "--initial"])
    assert read_encoder_folder(out).described.mode == ""
    assert "nothing: initial weights" in (out / "README.md").read_text()


def test_a_fine_tuned_run_writes_the_same_transcripts(tmp_path: Path) -> None:
    run, out = make_run(tmp_path / "run", kind="finetune", mode=""), tmp_path / "out"
    vocabulary = Vocabulary((" ", "A", "B", "C"))
    torch.manual_seed(0)
    head = CtcHead(SETTINGS.model_dim, vocabulary.num_classes)
    torch.nn.init.normal_(head.linear.weight)
    encoder = load_frozen(run).module
    # Centred on what frames have in common, so that they are written differently.
    with torch.no_grad():
        states = encoder(*pad_waveforms([normalize_waveform(sounds()[0])])).layers[-1][0, :45]
        head.linear.bias.copy_(-(states @ head.linear.weight.T).mean(0))
    Recognizer(encoder, head, vocabulary).save_head(run)  # type: ignore[arg-type]
    assert export.main([str(run), str(out)]) == 0
    model = transformers.AutoModelForCTC.from_pretrained(out).eval()
    tokenizer = cast(Any, transformers).AutoTokenizer.from_pretrained(out)
    texts = []
    for sound in sounds():
        waveforms, num_samples = pad_waveforms([normalize_waveform(sound)])
        with torch.no_grad():
            classes = model(waveforms[:, : int(num_samples)]).logits.argmax(dim=-1)[0]
        written = " ".join(tokenizer.decode(classes).split())
        assert written == load_recognizer(run).transcribe(waveforms, num_samples)[0]
        texts.append(written)
    assert len(texts[0]) > 5
    assert read_encoder_folder(out).described.finetuned is True


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("fairseq2", "fairseq2 cannot hold these encoders"),
        ("other files", "must be new, empty or an earlier export"),
        ("unfinished", "not finished"),
        ("an export", "must be a run of this project"),
        ("nothing", "does not exist"),
    ],
)
def test_what_cannot_be_exported_is_refused_and_nothing_written(
    case: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "run", status="running" if case == "unfinished" else "finished")
    out = tmp_path / "out"
    if case == "an export":
        export.main([str(run), str(tmp_path / "first")])
        run = tmp_path / "first"
    if case == "other files":
        out.mkdir()
        (out / "thesis.tex").write_text("mine")
    given = tmp_path / "none" if case == "nothing" else run
    to = "fairseq2" if case == "fairseq2" else "transformers"
    assert export.main([str(given), "--to", to, str(out)]) == 1
    assert words in capsys.readouterr().err
    assert not out.exists() or [file.name for file in out.iterdir()] == ["thesis.tex"]


def test_an_earlier_export_is_replaced(tmp_path: Path) -> None:
    run, out = make_run(tmp_path / "run"), tmp_path / "out"
    assert export.main([str(run), str(out), "--initial"]) == 0
    assert export.main([str(run), str(out)]) == 0
    assert read_encoder_folder(out).described.mode == "continuous"
