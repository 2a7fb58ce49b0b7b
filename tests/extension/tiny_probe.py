"""A probe small enough to be run for every extension: two made-up folders and the command."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from pretrain.model.encoder import build_encoder
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.model.weights import save_encoder, weights_hash
from probe.command_line import parse_arguments
from probe.results import ProbeResults, read_results
from probe.run import run
from reports.assemble import build
from tests.probe.made_up import write_manifest

SIZES = EncoderSettings(
    conv_dim=8, model_dim=16, ffn_dim=16, num_layers=2, num_heads=2, position_groups=2
)


def write_row(folder: Path) -> Path:
    """A finished pre-training run, as far as the probe looks."""
    folder.mkdir()
    save_encoder(folder, build_encoder(SIZES, seed=1))
    initial = build_encoder(SIZES, seed=2)
    save_encoder(folder, initial, initial=True)
    description = {
        "kind": "pretrain", "status": "finished", "name": "quantized-g2v2", "seed": 0,
        "mode": "quantized", "row": {"codebooks": 2, "entries": 2}, "comparison": {"lr": 1},
        "hashes": {"initial_weights": weights_hash(initial)},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(description))
    return folder


def probed(place: Path, encoders: Sequence[Path | str], *options: str) -> ProbeResults:
    """Runs the probe's command on noise with two emotions; its folder is `place / "probe"`, without
    what was there."""
    shutil.rmtree(place / "probe", ignore_errors=True)
    (place / "audio").mkdir(exist_ok=True)
    manifest = write_manifest(place / "audio", "text", lambda number: "")
    arguments = ["--encoder", *map(str, encoders), "--corpus", f"mine={manifest}"]
    arguments += ["--no-fingerprints", "--no-attributes", "--precision", "fp32", *options]
    arguments += ["--features", str(place / "features"), "--out", str(place / "probe")]
    run(parse_arguments(arguments))
    return read_results(place / "probe")


def report_page(place: Path) -> str:
    """Builds the report of that probe and returns its page."""
    page = build([str(place / "probe")], place / "report", command="report")
    return page.read_text(encoding="utf-8")
