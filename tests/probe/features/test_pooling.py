"""Mean, or mean and deviation: the same for encoders and log-mel."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pretrain.model.encoder import build_encoder
from pretrain.model.frozen import FrozenEncoder
from pretrain.shared.errors import CommandLineError
from probe.command_line import parse_arguments
from probe.features.moments import mean_and_deviation
from probe.features.pooling import pooling_override
from probe.features.row_source import RowSource
from probe.heads.settings import make_head
from tests.golden_stages import SIZES, table_of


def test_moments_are_those_of_valid_frames_whatever_stands_beyond_them() -> None:
    states = torch.tensor([[[1.0, 0.0], [3.0, 4.0], [torch.nan, torch.inf]]])
    pooled = mean_and_deviation(states, torch.tensor([2]))
    assert pooled.tolist() == [[2.0, 2.0, 1.0, 2.0]]


@pytest.mark.parametrize(("encoder", "dim"), [(False, 80), (True, 16)])
def test_a_row_and_log_mel_are_pooled_alike(tmp_path: Path, encoder: bool, dim: int) -> None:
    frozen = FrozenEncoder(build_encoder(SIZES, seed=1).eval(), name="e") if encoder else None
    table, cpu = table_of(tmp_path, 3), torch.device("cpu")
    source = RowSource(frozen=frozen, table=table, folder=tmp_path / "kept", device=cpu)
    mean, both = source.features("mean"), source.features("mean_std")
    assert mean.shape[2] == dim
    assert both.shape[2] == 2 * dim
    np.testing.assert_array_equal(both[..., :dim], mean)
    assert (both[..., dim:] > 0).all()
    assert len(list((tmp_path / "kept").glob("*.safetensors"))) == 1, "both are of one computing"


def test_pooling_is_a_setting_of_the_linear_head_and_part_of_its_name() -> None:
    plain, both = make_head("linear"), make_head("linear", ["linear.pooling=mean_std"])
    assert (plain.pooling, plain.label) == ("mean", "linear")
    assert (both.pooling, both.label) == ("mean_std", "linear-mean_std")
    assert make_head("superb").label == "superb"
    with pytest.raises(ValueError, match="pooling"):
        make_head("linear", ["linear.pooling=max"])


def test_the_option_is_refused_for_heads_that_pool_themselves() -> None:
    assert pooling_override(["superb", "linear"], "mean_std") == ["linear.pooling=mean_std"]
    assert pooling_override(["superb"], None) == []
    with pytest.raises(CommandLineError, match="--pooling mean: the head superb"):
        pooling_override(["superb"], "mean")


def test_the_command_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    needed = ["--encoder", "e", "--corpus", "a=a.csv", "--out", "o", "--pooling", "mean_std"]
    assert parse_arguments(needed).set == ["linear.pooling=mean_std"]
    with pytest.raises(SystemExit) as ended:
        parse_arguments([*needed, "--head", "superb"])
    assert ended.value.code == 2
    assert "pools in its own way" in capsys.readouterr().err
