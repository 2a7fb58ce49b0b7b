"""The mode as it is trained: codebooks of a corpus, equal heads, controls."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from pretrain.data.loader import DataSettings, usable_utterances
from pretrain.data.readers.read import read_corpus
from pretrain.model.encoder import build_encoder
from pretrain.model.masked_frames import find_masked_frames
from pretrain.objectives.frames.codebook import corpus_codebook
from pretrain.objectives.frames.objective import FramesObjective, build
from pretrain.objectives.frames.settings import FramesSettings
from tests.pretrain.model.small import SETTINGS, make_batch

V = FramesSettings(num_centroids=4)
C = FramesSettings(target="centroid", num_centroids=4)
I = FramesSettings(target="index", num_centroids=4, head="distance")  # noqa: E741
SHUFFLED = FramesSettings(target="index", num_centroids=4, head="distance", shuffled=True)
H = FramesSettings(target="index", num_centroids=4, head="cosine")
P = FramesSettings(target="posterior", num_centroids=4, head="distance")
PROSODY = FramesSettings(space="prosody")


@pytest.fixture
def table(noise_corpus: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pd.DataFrame:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    return usable_utterances(read_corpus(noise_corpus), DataSettings())


def made(table: pd.DataFrame, settings: FramesSettings) -> FramesObjective:
    return build(build_encoder(SETTINGS, seed=0), settings, 0, table)


def test_a_codebook_is_of_the_corpus_in_any_order_and_kept(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    first = corpus_codebook(table, 0, 4)
    (file,) = (tmp_path / "runs" / "targets").glob("*.safetensors")
    file.unlink()
    again = corpus_codebook(table.iloc[::-1].reset_index(drop=True), 0, 4)
    read = corpus_codebook(table, 0, 4)
    for name, tensor in first.tensors.items():
        assert torch.equal(tensor, again.tensors[name])
        assert torch.equal(tensor, read.tensors[name])
    assert float(first.shares.sum()) == pytest.approx(1.0, abs=1e-6)
    assert 0 < first.kept_variance < corpus_codebook(table, 0, 64).kept_variance < 1
    assert not torch.equal(first.centroids, corpus_codebook(table, 1, 4).centroids)
    # What centroids keep of a variance of 1 is their own.
    assert float(first.centroid_variances().mean()) == pytest.approx(first.kept_variance, abs=0.03)


def test_more_centroids_than_frames_are_refused(table: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="`num_centroids` must be at most the frames"):
        corpus_codebook(table, 0, 60_000)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [V, C, I, SHUFFLED, H, P, PROSODY])
def test_a_row_learns_an_easy_batch_or_nothing_where_codes_are_drawn(
    table: pd.DataFrame, settings: FramesSettings
) -> None:
    objective, batch = made(table, settings), make_batch()
    optimizer = torch.optim.Adam(objective.parameters(), 2e-3)
    explained = []
    for _ in range(25):
        out = objective(batch, 0.0)
        optimizer.zero_grad()
        (out.loss_sum / out.num_targets).backward()
        optimizer.step()
        explained.append(float(out.metrics["explained"]))
    assert out.loss_sum.isfinite()
    assert explained[-1] > explained[0]
    assert {"prediction_variance", "conv_variance"} <= set(out.metrics)
    assert ("accuracy" in out.metrics) == (settings.space == "logmel")


def test_rows_start_from_the_same_map_into_the_target_space(table: pd.DataFrame) -> None:
    weights = [made(table, one).head.state_dict()["predict.weight"] for one in (V, C, I, P)]
    assert all(torch.equal(weights[0], other) for other in weights[1:])


@pytest.mark.slow
def test_drawn_codes_say_nothing_of_the_frame_and_are_the_same_again(table: pd.DataFrame) -> None:
    objective = made(table, SHUFFLED)
    batch = make_batch([160_000] * 3, names=["a", "b", "c"])
    first, again = objective(batch, 0.0), objective(batch, 0.5)
    assert torch.equal(first.loss_sum, again.loss_sum)
    true = made(table, I)(batch, 0.0)
    # Codes as frequent as the corpus' own, whatever is heard.
    assert float(first.metrics["centre_perplexity"]) > 1.5
    assert not torch.equal(first.loss_sum, true.loss_sum)


def test_prosody_asks_for_f0_in_voiced_frames_only(table: pd.DataFrame) -> None:
    objective, batch = made(table, PROSODY), make_batch()  # noise: hardly a voiced frame
    counted = objective.targets(batch, find_masked_frames(batch.mask)).counted
    assert counted[..., 0].sum() < 0.2 * counted[..., 1].sum()
    assert torch.equal(counted[..., 1], counted[..., 2])


def test_settings_that_mean_nothing_are_refused() -> None:
    for settings, words in (
        ({"target": "index", "head": "linear"}, "`head` must be 'distance' or 'cosine'"),
        ({"space": "prosody", "target": "centroid"}, "`target` must be 'value'"),
        ({"shuffled": True}, "`target` must be 'index'"),
    ):
        with pytest.raises(ValueError, match=words):
            FramesSettings(**settings)


def test_rows_say_what_tells_them_apart() -> None:
    rows = [one.row() for one in (V, C, I, SHUFFLED, H, P, PROSODY)]
    assert len({str(row) for row in rows}) == len(rows)
    families = {one.presentation().family.label for one in (V, C, SHUFFLED)}
    assert families == {"log-mel", "log-mel codes", "control"}
    places = [one.presentation().place for one in (C, I, H, P)]
    assert len(set(places)) == len(places)
