"""What `auto` stands for: by given speeds, on GPUs, on a CPU with newer instructions off."""

import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from pretrain.engine.arithmetic import precision
from pretrain.engine.arithmetic import processor_tuning as machine
from pretrain.engine.arithmetic.precision import Rates, Widths, choose_precision, faster_path
from pretrain.model.encoder_settings import EncoderSettings
from tests.conftest import PROJECT

CPU = torch.device("cpu")
WIDTHS = Widths(128, 512, 350)


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        (Rates(100.0, 100.0, 149.0), "precision: fp32 (bf16 products run at 1.49 times its speed"),
        (Rates(100.0, 100.0, 150.0), "precision: bf16 (its products run at 1.5 times the speed of"),
        (Rates(145.0, 145.0, 1.2), "precision: fp32 (bf16 products run at 0.0083 times its speed"),
        # Against the faster fp32 path, if it is exact.
        (Rates(100.0, 200.0, 290.0), "precision: fp32 (bf16 products run at 1.45 times"),
        (Rates(100.0, None, 290.0), "precision: bf16 (its products run at 2.9 times"),
        (Rates(200.0, 100.0, 290.0), "precision: fp32 (bf16 products run at 1.45 times"),
        # An encoder as a whole decides over its products.
        (
            Rates(100.0, 100.0, 300.0, passes=0.64),
            "precision: fp32 (bf16 products run at 3 times its speed here, but the encoder as a "
            "whole at 0.64 times)",
        ),
        (
            Rates(100.0, 100.0, 300.0, passes=1.2),
            "precision: bf16 (its products run at 3 times the speed of fp32 here, the encoder as a "
            "whole at 1.2 times)",
        ),
    ],
)
def test_bf16_is_taken_where_it_is_half_as_fast_again(
    rates: Rates, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "measure", lambda widths: rates)
    assert str(choose_precision(CPU, WIDTHS)).startswith(expected)


@pytest.mark.parametrize(
    ("rates", "path"),
    [
        (Rates(100.0, 100.0, 1.0), "medium"),
        (Rates(149.0, 100.0, 1.0), "medium"),
        (Rates(150.0, 100.0, 1.0), "highest"),
        (Rates(1.0, None, 1.0), "highest"),
    ],
)
def test_of_the_exact_fp32_paths_the_faster_one_is_taken(
    rates: Rates, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert faster_path(rates) == path
    monkeypatch.setattr(machine, "measure", lambda widths: rates)
    before = torch.get_float32_matmul_precision()
    try:
        assert machine.choose_matmul_precision() == path
        assert torch.get_float32_matmul_precision() == path
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize(("is_native", "expected"), [(True, "bf16"), (False, "fp32")])
def test_a_gpu_is_asked_and_not_measured(
    is_native: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    supported = Mock(return_value=is_native)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "A card")
    monkeypatch.setattr(precision, "measure", Mock(side_effect=AssertionError))
    choice = choose_precision(torch.device("cuda"), WIDTHS)
    assert choice.precision == expected
    assert "A card" in choice.reason
    supported.assert_called_with(including_emulation=False)


def test_a_cpu_with_very_slow_bf16_is_measured_in_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Speeds as on two cores of AVX2 only, one of which is what is timed."""
    rates = {"highest": 72e9, "medium": 72e9, "bf16": 0.6e9}
    timed: dict[str, list[float]] = {way: [] for way in rates}
    product_of = precision._product

    def sized(widths: Widths, dtype: torch.dtype) -> object:
        product_of(Widths(2, 2, 2), dtype)
        return widths

    def seconds(way: str, widths: Widths) -> float:
        flops = 4.0 * widths.frames * widths.model_dim * widths.ffn_dim
        timed[way].append(flops / rates[way])
        return timed[way][-1]

    monkeypatch.setattr(precision, "_product", sized)
    monkeypatch.setattr(precision, "_seconds", seconds)
    monkeypatch.setattr(precision, "is_exact", lambda path: True)
    measured = precision.measure(Widths(513, 2048, 4375))
    assert precision.bf16_ratio(measured, "medium") == pytest.approx(1 / 120)
    assert sum(map(sum, timed.values())) < 0.4
    assert len(timed["bf16"]) == 2  # to prepare it, and once


def test_measuring_leaves_everything_as_it_was() -> None:
    before = torch.get_num_threads(), torch.get_float32_matmul_precision()
    state = torch.get_rng_state()
    rates = precision.measure(Widths(33, 64, 100))
    assert min(rates.highest, rates.bf16) > 0.0
    assert (torch.get_num_threads(), torch.get_float32_matmul_precision()) == before
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("trains", [True, False])
def test_an_encoder_is_run_as_a_whole_where_its_products_gain(
    trains: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = {"highest": 100.0, "medium": 100.0, "bf16": 300.0}
    monkeypatch.setattr(precision, "_time_products", lambda ways, widths: fast)
    state, path = torch.get_rng_state(), torch.get_float32_matmul_precision()
    encoder = EncoderSettings(
        conv_dim=8, model_dim=16, ffn_dim=32, num_layers=1, num_heads=2, dropout=0.5
    )
    rates = precision.measure(Widths.of(encoder, 0.5, trains=trains))
    assert rates.passes is not None
    assert rates.passes > 0.0
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_float32_matmul_precision() == path
    assert torch.is_grad_enabled()


def test_an_encoder_is_not_run_where_its_products_lose(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = {"highest": 100.0, "medium": 100.0, "bf16": 1.0}
    monkeypatch.setattr(precision, "_time_products", lambda ways, widths: slow)
    monkeypatch.setattr(precision, "passes_ratio", Mock(side_effect=AssertionError))
    assert precision.measure(Widths.of(EncoderSettings(), 8.0)).passes is None


def test_what_is_far_slower_as_a_whole_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    for passes, warned in ((0.2, True), (0.64, False)):
        rates = Rates(100.0, 100.0, 500.0, passes=passes)
        monkeypatch.setattr(precision, "measure", lambda widths, rates=rates: rates)
        assert bool(precision.why_slow("bf16", CPU, WIDTHS)) is warned


def has_native_bf16() -> bool:
    try:
        flags = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return False
    return bool(flags & {"avx512_bf16", "amx_bf16", "avx_ne_convert"})


@pytest.mark.slow
@pytest.mark.skipif(not has_native_bf16(), reason="this CPU has no bf16 that could be switched off")
def test_without_the_newer_instructions_fp32_is_chosen() -> None:
    """Of the three libraries' caps it is oneDNN's that slows bf16 down (one core of an AMD EPYC
    with AVX-512 and native bf16, GFLOP/s in fp32 and bf16: 240 and 450 without a cap, 117 and 19
    under ONEDNN_MAX_CPU_ISA=AVX2, 240 and 88 under AVX512_CORE). MKL_ENABLE_INSTRUCTIONS=AVX2 and
    ATEN_CPU_CAPABILITY=avx2 change neither; they are set to be as close as can be to such a CPU.
    """
    code = (
        "import torch\n"
        "from pretrain.engine.arithmetic.precision import Widths, choose_precision\n"
        "for widths in (Widths(128, 512, 350), Widths(512, 2048, 4375)):\n"
        "    print(choose_precision(torch.device('cpu'), widths))\n"
    )
    caps = {
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **caps, "PYTHONPATH": str(PROJECT)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("precision: fp32 (bf16 products run at 0."), line
