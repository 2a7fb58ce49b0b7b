"""How fast this machine multiplies matrices in bf16 and in fp32, and which of them a run uses.

`auto` is decided by a short measurement and never by the kind of machine: a CPU without bf16 of its
own runs bf16 products at a hundredth of the speed of fp32, one with it at three times that speed.
fp16 is not considered: it is slow on CPUs, and needs its loss scaled.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from pretrain.data.frames import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from pretrain.engine.arithmetic.whole_passes import passes_ratio
from pretrain.model.encoder_settings import EncoderSettings

Precision = Literal["bf16", "fp32"]

AUTO: Final = "auto"
BF16: Final = "bf16"
FP32: Final = "fp32"

ASKED = "as asked for"
"""The reason of a choice that is the user's."""

MARGIN = 1.5
"""How many times as fast as what is used otherwise a way of multiplying must be, so that near ties
do not flip between runs: bf16 as fp32, and MKL's fp32 ("highest") as oneDNN's ("medium")."""

MARGIN_OF_PASSES = 1.2
"""The same of whole passes of an encoder, where nothing else can take away from it."""

WIDE_MARGIN = 3.0
"""What is kept although another way is so many times as fast is warned of."""

MAX_RELATIVE_ERROR = 1e-5
"""Largest error of a matrix product that still counts as fp32: fp32 gives about 1e-6, bf16 and
TF32 1e-3."""

SECONDS = 0.1
"""How long products are timed; what comes before takes about as long."""

PILOT_WIDTH = 128
"""Of the products that are tried first: some 15 ms on a CPU that is a hundred times too slow."""

PILOT_SECONDS = 5e-3
"""How long each way is tried first, at least."""

MAX_PILOT_RATIO = 4.0
"""What is so much slower than the best in the first trial is not tried further."""

PRODUCT_SECONDS = 4e-3
"""Of one product at full width, about."""


@dataclass(frozen=True)
class Widths:
    """The sizes of an encoder's largest products."""

    model_dim: int
    ffn_dim: int
    frames: int
    """Rows of a product: the frames of a shard."""

    whole: tuple[EncoderSettings, float, bool] | None = None
    """Encoder of ours, seconds of audio that are shown to it at a time, and whether it is trained;
    None where only the products are known."""

    @classmethod
    def of(cls, encoder: EncoderSettings, seconds: float, *, trains: bool = True) -> "Widths":
        """Returns those of an encoder that is shown so many seconds of audio at a time."""
        frames = max(1, round(seconds * SAMPLE_RATE_HZ / SAMPLES_PER_FRAME))
        return cls(encoder.model_dim, encoder.ffn_dim, frames, (encoder, seconds, trains))


COMMON = Widths(512, 2048, 1024)
"""For what has no encoder of its own, or several."""


@dataclass(frozen=True)
class Rates:
    """Speeds of this machine's matrix products, in GFLOP/s, and of an encoder."""

    highest: float
    """fp32 with `float32_matmul_precision` "highest"."""

    medium: float | None
    """fp32 with "medium"; None where that is not exact."""

    bf16: float

    passes: float | None = None
    """How many times as fast as in fp32 an encoder runs in bf16 as a whole; None where it is not
    known, or its products gain nothing."""


@dataclass(frozen=True)
class Choice:
    """A precision, and why."""

    precision: Precision
    reason: str

    def __str__(self) -> str:
        return f"precision: {self.precision} ({self.reason})"


def faster_path(rates: Rates) -> str:
    """Returns the `float32_matmul_precision` with which fp32 is exact and fastest."""
    if rates.medium is None or rates.highest >= MARGIN * rates.medium:
        return "highest"
    return "medium"


def choose_precision(device: torch.device, widths: Widths, *, path: str | None = None) -> Choice:
    """Decides between bf16 and fp32 for an encoder on this device.

    Args:
        device: CUDA is decided by what the card does natively, a CPU by measuring.
        widths: Of the products.
        path: The `float32_matmul_precision` under which fp32 is used; the faster one if None.
    """
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Choice(BF16, f"native on {name}")
        return Choice(FP32, f"{name} has no native bf16")
    if device.type != "cpu":
        return Choice(FP32, f"bf16 is not tried on {device.type}")
    rates = measure(widths)
    ratio = bf16_ratio(rates, path or faster_path(rates))
    if ratio < MARGIN:
        return Choice(FP32, f"bf16 products run at {_times(ratio)} its speed here")
    if rates.passes is None:
        return Choice(BF16, f"its products run at {_times(ratio)} the speed of fp32 here")
    if rates.passes < MARGIN_OF_PASSES:
        return Choice(
            FP32,
            f"bf16 products run at {_times(ratio)} its speed here, but the encoder as a whole at "
            f"{_times(rates.passes)}",
        )
    return Choice(
        BF16,
        f"its products run at {_times(ratio)} the speed of fp32 here, the encoder as a whole at "
        f"{_times(rates.passes)}",
    )


def _times(ratio: float) -> str:
    return f"{ratio:.3g} times" if ratio >= 1.0 else f"{ratio:.2g} times"


def bf16_ratio(rates: Rates, path: str) -> float:
    """Returns how many times as fast as fp32, under this `float32_matmul_precision`, bf16 is."""
    fp32 = rates.medium if path == "medium" and rates.medium is not None else rates.highest
    return rates.bf16 / fp32


def why_slow(
    precision: str, device: torch.device, widths: Widths, *, path: str | None = None
) -> str:
    """Returns what to say of a precision that another one exceeds by far here, or nothing."""
    choice = choose_precision(device, widths, path=path)
    if choice.precision == precision:
        return ""
    if device.type == "cpu":
        rates = measure(widths)
        ratio = rates.passes or bf16_ratio(rates, path or faster_path(rates))
        if 1 / WIDE_MARGIN < ratio < WIDE_MARGIN:
            return ""
    return f"{choice.precision} would be faster by far: {choice.reason}"


@cache
def measure(widths: Widths) -> Rates:
    """Measures this CPU's products, once in a process; draws no random number.

    By one thread and in its CPU time, so that other processes do not matter: with several threads,
    which wait for each other, ratios on a busy machine came out wrong by a factor of 20, whereas
    all threads together gain from bf16 what one does. Takes under half a second, and some seconds
    of a wide encoder whose products are faster in bf16, since it is then run as a whole.
    """
    ways = {"highest": torch.float32, "medium": torch.float32, BF16: torch.bfloat16}
    path, num_threads = torch.get_float32_matmul_precision(), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            if not is_exact("medium"):
                del ways["medium"]
            rates = _time_products(ways, widths)
        found = Rates(rates["highest"], rates.get("medium"), rates[BF16])
        faster = faster_path(found)
        if widths.whole is not None and bf16_ratio(found, faster) >= MARGIN:
            torch.set_float32_matmul_precision(faster)
            encoder, seconds, trains = widths.whole
            found = replace(found, passes=passes_ratio(encoder, seconds, trains=trains))
    finally:
        torch.set_num_threads(num_threads)
        torch.set_float32_matmul_precision(path)
    return found


def _time_products(ways: dict[str, torch.dtype], widths: Widths) -> dict[str, float]:
    """Returns GFLOP/s by way."""
    pilot = Widths(PILOT_WIDTH, PILOT_WIDTH, PILOT_WIDTH)
    rates = {
        way: _gflop(pilot) / _best_seconds({way: _product(pilot, dtype)}, PILOT_SECONDS)[way]
        for way, dtype in ways.items()
    }
    best = max(rates.values())
    frames = int(PRODUCT_SECONDS * best / _gflop(Widths(widths.model_dim, widths.ffn_dim, 1)))
    full = Widths(widths.model_dim, widths.ffn_dim, min(widths.frames, max(16, frames)))
    seconds = _best_seconds(
        {
            way: _product(full, dtype)
            for way, dtype in ways.items()
            if rates[way] * MAX_PILOT_RATIO >= best
        },
        SECONDS,
    )
    return rates | {way: _gflop(full) / value for way, value in seconds.items()}


def _best_seconds(
    products: dict[str, Callable[[], Tensor]], total_seconds: float
) -> dict[str, float]:
    """Times products by turns; returns the best of each."""
    for way, product in products.items():
        _seconds(way, product)  # prepares the kernel
    best = dict.fromkeys(products, float("inf"))
    spent = 0.0
    while spent < total_seconds:
        for way, product in products.items():
            seconds = max(_seconds(way, product), 1e-9)
            best[way] = min(best[way], seconds)
            spent += seconds
    return best


def _product(widths: Widths, dtype: torch.dtype) -> Callable[[], Tensor]:
    """Returns what multiplies as a feed-forward network does, to its inner width and back."""
    frames = torch.full((widths.frames, widths.model_dim), 0.5, dtype=dtype)
    up = torch.full((widths.ffn_dim, widths.model_dim), 0.5, dtype=dtype)
    down = torch.full((widths.model_dim, widths.ffn_dim), 0.5, dtype=dtype)
    return lambda: F.linear(F.linear(frames, up), down)


def _gflop(widths: Widths) -> float:
    return 4e-9 * widths.frames * widths.model_dim * widths.ffn_dim


def _seconds(way: str, product: Callable[[], Tensor]) -> float:
    """Returns this thread's CPU time for a product."""
    torch.set_float32_matmul_precision("medium" if way == "medium" else "highest")
    started = time.thread_time()
    product()
    return time.thread_time() - started


def is_exact(path: str) -> bool:
    """Tells whether fp32 products are as exact as fp32's with this `float32_matmul_precision`.

    With "medium" oneDNN really computes in bf16 on some CPUs.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(path)
    try:
        return max(map(_relative_error, (64, 1024))) <= MAX_RELATIVE_ERROR
    finally:
        torch.set_float32_matmul_precision(before)


def _relative_error(rows: int) -> float:
    """Error of an fp32 product of the model's widths against fp64, relative to its typical size."""
    draw = partial(torch.randn, generator=torch.Generator().manual_seed(0))
    a, b = draw(rows, 512), draw(512, 512)
    exact = a.double() @ b.double()
    error = (a @ b).double() - exact
    return float(error.abs().max() / exact.square().mean().sqrt())
