"""How fast a whole encoder is in bf16 and in fp32 here: what its products gain, the rest may lose.

Of narrow encoders products are the smaller part: where they ran 2.9 to 4.3 times as fast in bf16,
an update of 64 channels and width 128 took .33 s in bf16 and .13 to .2 s in fp32.

Shapes: B utterances, S samples.
"""

import time
from contextlib import nullcontext

import torch

from pretrain.data.frames import SAMPLE_RATE_HZ
from pretrain.model.encoder import build_encoder
from pretrain.model.encoder_settings import EncoderSettings

SECONDS_OF_AUDIO = 2.0
"""A pass is over so much, or less where less is shown at a time."""

ROUNDS = 2
"""Timed passes of each precision, by turns, after one that prepares the kernels."""


def passes_ratio(encoder: EncoderSettings, seconds: float, *, trains: bool) -> float:
    """Returns how many times as fast as in fp32 a pass is in bf16, in this thread's CPU time.

    Args:
        encoder: Sizes.
        seconds: Of audio that are shown to it at a time.
        trains: Whether a pass goes back as well.
    """
    # Not in training mode, in which dropout would draw random numbers.
    module = build_encoder(encoder, seed=0).eval().requires_grad_(trains)
    samples = round(min(seconds, SECONDS_OF_AUDIO) * SAMPLE_RATE_HZ)
    waveforms = torch.sin(torch.arange(samples) * 0.05)[None]  # (1, S); draws nothing
    num_samples = torch.tensor([samples])

    def pass_in(dtype: torch.dtype) -> float:
        started = time.thread_time()
        low = torch.autocast("cpu", dtype) if dtype != torch.float32 else nullcontext()
        with torch.set_grad_enabled(trains):
            with low:
                last = module(waveforms, num_samples).layers[-1]
            if trains:
                torch.autograd.backward(last.float().square().mean())
                module.zero_grad()
        return time.thread_time() - started

    ways = (torch.bfloat16, torch.float32)
    best = {dtype: float("inf") for dtype in ways}
    for number in range(1 + ROUNDS):
        for dtype in ways:
            spent = pass_in(dtype)
            best[dtype] = min(best[dtype], spent) if number else best[dtype]
    return best[torch.float32] / max(best[torch.bfloat16], 1e-9)
