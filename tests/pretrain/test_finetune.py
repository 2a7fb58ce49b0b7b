"""A fine-tuning run from command to folder: exact resume, files, decodings, refusals."""

import json
import shutil
from pathlib import Path

import pytest
import soundfile
import torch
from safetensors.torch import load_file

from pretrain import finetune as command
from pretrain.config.files import SettingsError
from pretrain.data.tables.delimited import read_csv
from pretrain.engine import train
from pretrain.engine.arithmetic import precision
from pretrain.engine.arithmetic import processor_tuning as machine
from pretrain.engine.arithmetic.precision import Rates
from pretrain.engine.run_folder import RunFolderError
from pretrain.model.encoder import build_encoder
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.model.weights import load_encoder, save_encoder, weights_hash
from pretrain.recognition.error_rates import error_rates
from pretrain.recognition.recognizer import load_recognizer
from pretrain.shared.random_streams import generator
from tests.conftest import PROJECT

pytestmark = pytest.mark.slow

SETTINGS = (
    "training.updates=6",
    "training.checkpoint_every=3",
    "training.precision=fp32",
    "data.crop_seconds=2.0",
    "data.shard_seconds=4.0",
    "data.num_shards=2",
    "dropout=0.1",
    "ctc.mask=true",
)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    """12 utterances of 4 speakers and 2 to test, noise with made-up transcripts."""
    folder = tmp_path_factory.mktemp("transcribed")
    rows = ["path,speaker,text,split"]
    for index in range(14):
        rng = generator("transcribed", index)
        soundfile.write(folder / f"{index}.wav", 0.1 * rng.standard_normal(16_000), 16_000)
        text = ["yes", "no go", "stop", "go on"][index % 4]
        rows.append(f"{index}.wav,s{index % 4},{text},{'test' if index > 11 else 'train'}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return f"made-up={folder}"


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with initial and trained weights."""
    folder = tmp_path_factory.mktemp("encoder")
    sizes = EncoderSettings(conv_dim=16, model_dim=16, ffn_dim=32, num_layers=2, num_heads=2,
                            position_kernel=8, position_groups=2)  # fmt: skip
    save_encoder(folder, build_encoder(sizes, 5), initial=True)
    save_encoder(folder, build_encoder(sizes, 1))
    return folder


def run(encoder: Path, corpus: str, out: Path, *more: str) -> int:
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    place = ["--encoder", str(encoder), "--corpus", corpus, "--out", str(out)]
    return command.run(command.parse([*place, *settings, *more]))


def stop_after(update: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks the trainer to stop after `update`, as a signal would."""
    original = train.Trainer._update

    def stopping(self: train.Trainer, number: int, *rest: object) -> bool:
        return original(self, number, *rest) or number == update  # type: ignore[arg-type]

    monkeypatch.setattr(train.Trainer, "_update", stopping)


def test_a_run_stopped_twice_equals_the_straight_run(
    encoder: Path, corpus: str, tmp_path: Path
) -> None:
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    assert run(encoder, corpus, straight) == 0
    for update in (1, 3):
        with pytest.MonkeyPatch.context() as patch:
            stop_after(update, patch)
            assert run(encoder, corpus, stopped) == 130
    assert run(encoder, corpus, stopped) == 0
    last = "checkpoints/update-00000006"
    for file in (f"{last}/objective", f"{last}/optimizer", f"{last}/generator", "ctc_head"):
        one, other = (load_file(f / f"{file}.safetensors") for f in (straight, stopped))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one), file
    first, second = (json.loads((f / "run.json").read_text()) for f in (straight, stopped))
    assert first["hashes"] == second["hashes"]
    assert first["cer"] == second["cer"]


def test_the_folder_describes_itself_and_can_be_read_back(
    encoder: Path, corpus: str, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert run(encoder, corpus, out, "--evaluate-on", "test") == 0
    description = json.loads((out / "run.json").read_text())
    assert description["kind"] == "finetune"
    assert description["status"] == "finished"
    assert (description["start"], description["finetuned_on"]) == ("pretrained", "made-up")
    assert description["parts"]["train"] == 9
    assert (description["parts"]["dev"], description["parts"]["test"]) == (3, 2)
    assert description["hashes"]["initial_weights"] == weights_hash(load_encoder(encoder))
    assert description["hashes"]["final_weights"] == weights_hash(load_encoder(out))

    table = read_csv(out / "utterances.csv")
    for part, scores in (("dev", description), ("test", description["test"])):
        decodings = read_csv(out / f"decodings-{part}.csv")
        references, hypotheses = decodings["reference"].tolist(), decodings["hypothesis"].tolist()
        assert scores["cer"] == error_rates(references, hypotheses).cer
        constant = error_rates(references, [scores["constant"]] * len(references))
        assert scores["constant_cer"] == constant.cer
        rows = table.set_index("id").loc[decodings["id"]]
        assert [text.upper() for text in rows["text"]] == references
        assert set(rows["split"]) == {"train" if part == "dev" else "test"}
    numbers = {name: rows[name].astype(int) for name in ("offset", "frames", "sample_rate")}
    tested = rows.assign(num_samples=16_000, **numbers)
    assert load_recognizer(out).transcribe_table(tested) == hypotheses


def test_auto_is_decided_once_and_names_the_default_folder(
    encoder: Path, corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    settings = [text for text in SETTINGS if not text.startswith("training.precision")]
    arguments = ["--encoder", str(encoder), "--corpus", corpus]
    arguments += [part for setting in settings for part in ("--set", setting)]
    for bf16, status in ((400.0, 130), (1.0, 0)):  # stopped, and continued on another machine
        rates = Rates(highest=100.0, medium=100.0, bf16=bf16)
        for module in (machine, precision):
            monkeypatch.setattr(module, "measure", lambda widths, rates=rates: rates)
        with pytest.MonkeyPatch.context() as patch:
            if status:
                stop_after(1, patch)
            assert command.main(arguments) == status
        (out,) = (tmp_path / "runs").glob("finetune-*")
        description = json.loads((out / "run.json").read_text())
        assert description["settings"]["training"]["precision"] == "bf16"
        assert out.name == f"finetune-{description['hashes']['settings'][:8]}"


def test_the_test_split_is_not_decoded_unless_asked_for(
    encoder: Path, corpus: str, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert run(encoder, corpus, out) == 0
    assert not (out / "decodings-test.csv").exists()
    assert run(encoder, corpus, out, "--evaluate-on", "test") == 0
    assert (out / "decodings-test.csv").exists()


def test_the_three_starts_begin_with_the_weights_they_name(
    encoder: Path, corpus: str, tmp_path: Path
) -> None:
    hashes = {}
    for start in ("initial", "pretrained", "random"):
        out = tmp_path / start
        assert run(encoder, corpus, out, "--from", start, "--set", "training.updates=1") == 0
        hashes[start] = json.loads((out / "run.json").read_text())["hashes"]
    assert len({h["initial_weights"] for h in hashes.values()}) == 3
    assert hashes["initial"]["initial_weights"] == weights_hash(load_encoder(encoder, initial=True))
    for name in ("comparison", "sample_order", "masks"):
        assert len({h[name] for h in hashes.values()}) == 1


def test_only_the_conv_stack_stays_as_it_was(encoder: Path, corpus: str, tmp_path: Path) -> None:
    assert run(encoder, corpus, tmp_path / "run") == 0
    before, after = (load_encoder(f).state_dict() for f in (encoder, tmp_path / "run"))
    for name, tensor in before.items():
        assert torch.equal(tensor, after[name]) == name.startswith("conv."), name


def test_an_encoder_that_changed_meanwhile_is_noticed(
    encoder: Path, corpus: str, tmp_path: Path
) -> None:
    own = shutil.copytree(encoder, tmp_path / "own")
    with pytest.MonkeyPatch.context() as patch:
        stop_after(1, patch)
        assert run(own, corpus, tmp_path / "run") == 130
    save_encoder(own, build_encoder(load_encoder(own).settings, 7))
    with pytest.raises(RunFolderError, match="initial weights changed"):
        run(own, corpus, tmp_path / "run")


def test_a_finished_run_is_not_reused_for_another_encoder_or_corpus(
    encoder: Path, corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = shutil.copytree(encoder, tmp_path / "own")
    folder = Path(shutil.copytree(corpus.partition("=")[2], tmp_path / "corpus"))
    spec, once = f"made-up={folder}", ("--set", "training.updates=1")
    assert run(own, spec, tmp_path / "run", *once) == 0
    assert run(own, spec, tmp_path / "run", *once) == 0
    assert "Already finished" in capsys.readouterr().out
    weights = (own / "encoder.safetensors").read_bytes()
    save_encoder(own, build_encoder(load_encoder(own).settings, 7))
    with pytest.raises(RunFolderError, match="initial weights changed"):
        run(own, spec, tmp_path / "run", *once)
    (own / "encoder.safetensors").write_bytes(weights)
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("12.wav,s0,yes", "12.wav,s0,no"))
    with pytest.raises(RunFolderError, match=r"`data.corpus` made-up=.* changed"):
        run(own, spec, tmp_path / "run", *once)


def test_the_same_encoder_named_in_another_way_is_the_same_run(
    encoder: Path, corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = ("--set", "training.updates=1")
    assert run(encoder, corpus, tmp_path / "run", *once) == 0
    monkeypatch.chdir(encoder.parent)
    assert run(Path(encoder.name), corpus, tmp_path / "run", *once) == 0
    description = json.loads((tmp_path / "run" / "run.json").read_text())
    assert description["encoder"]["folder"] == str(encoder.resolve())
    assert description["settings"]["encoder"] == str(encoder.resolve())


def test_a_corpus_without_a_test_split_cannot_be_tested_on(
    encoder: Path, corpus: str, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(corpus.partition("=")[2], tmp_path / "corpus"))
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",test", ",train"))
    with pytest.raises(SettingsError, match="no rows of `split` test"):
        run(encoder, f"made-up={folder}", tmp_path / "run", "--evaluate-on", "test")


@pytest.mark.parametrize("prefix", ["", "hf:"])
def test_an_encoder_of_another_kind_is_refused_with_what_to_do(prefix: str, tmp_path: Path) -> None:
    from pretrain.config.files import read_tree
    from pretrain.config.finetune import resolve_finetune

    (tmp_path / "config.json").write_text('{"model_type": "wav2vec2"}')
    file = PROJECT / "configs" / "finetune" / "default.toml"
    with pytest.raises(SettingsError, match="Fine-tune it with its own tools"):
        resolve_finetune(read_tree([file], [f"encoder={prefix}{tmp_path}"]))


@pytest.mark.parametrize("file", sorted((PROJECT / "configs" / "finetune").glob("*.toml")))
def test_configs_are_valid(file: Path) -> None:
    from pretrain.config.files import read_tree
    from pretrain.config.finetune import resolve_finetune

    assert resolve_finetune(read_tree([file], ["encoder=runs/x"])).name == "x-ctc-pretrained"
