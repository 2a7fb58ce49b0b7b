"""Times one training step of our two modes against fairseq2 and transformers.

Every round runs one step (forward, backward, AdamW) of every model, one after the other, in one
process with the same allocator, threads and matrix-product settings; ratios are taken per round,
so that what else the machine does hits all alike; on a busy machine `--clock cpu --threads 1`
counts only the time this process had. Sizes are the paper's (Table 3), dropout is 0,
utterances have unequal lengths. transformers' masks and negatives are drawn outside the timing;
the others draw theirs inside.

    python benchmarks/pretrain_step.py --precision bf16 --rounds 7
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pretrain.data.batch import Batch
from pretrain.data.frames import CONV_KERNELS, CONV_STRIDES, SAMPLE_RATE_HZ, num_frames_of
from pretrain.data.masking import MaskSettings, draw_mask
from pretrain.engine.arithmetic.precision import Widths, choose_precision
from pretrain.engine.arithmetic.processor_tuning import tune_machine
from pretrain.model.encoder import build_encoder
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.model.fairseq2_parts import encoder_config
from pretrain.objectives.continuous import ContinuousObjective, ContinuousSettings
from pretrain.objectives.quantized import QuantizedObjective, QuantizedSettings
from pretrain.shared.random_streams import Draws, generator

Step = Callable[[], Tensor]

ENCODER = EncoderSettings()
QUANTIZED = QuantizedSettings(num_codebooks=2, num_entries=320)
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
REFERENCES = ("fairseq2", "transformers")


def make_batch(batch_size: int, seconds: float, shortest: float) -> Batch:
    """Utterances of `shortest` to 100 % of `seconds`, the first one of all of it."""
    rng = generator("benchmark")
    shares = np.concatenate([[1.0], rng.uniform(shortest, 1.0, batch_size - 1)])
    num_samples = torch.tensor([int(share * seconds * SAMPLE_RATE_HZ) for share in shares])
    width = -(-int(num_samples.max()) // 320) * 320
    waveforms = torch.zeros(batch_size, width)
    mask = torch.zeros(batch_size, width // 320, dtype=torch.bool)
    for row, length in enumerate(num_samples.tolist()):
        waveforms[row, :length] = torch.from_numpy(rng.standard_normal(length, dtype="float32"))
        num_frames = num_frames_of(length)
        mask[row, :num_frames] = torch.from_numpy(draw_mask(num_frames, MaskSettings(), rng))
    draws = tuple(
        Draws(seed=0, update=0, slot=row, utterance_id=str(row)) for row in range(batch_size)
    )
    return Batch(
        waveforms=waveforms,
        num_samples=num_samples,
        crop_starts=torch.zeros_like(num_samples),
        mask=mask,
        draws=draws,
    )


def ours(objective: QuantizedObjective | ContinuousObjective, batch: Batch) -> Step:
    def step() -> Tensor:
        out = objective(batch, 0.0)
        return out.loss_sum / out.num_targets  # type: ignore[no-any-return]

    return step


def fairseq2(batch: Batch) -> tuple[nn.Module, Step]:
    from fairseq2.models.wav2vec2 import Wav2Vec2Config, create_wav2vec2_model
    from fairseq2.nn import BatchLayout

    model = create_wav2vec2_model(
        Wav2Vec2Config(
            encoder_config=encoder_config(ENCODER),
            max_temporal_mask_prob=0.65,
            num_codebooks=QUANTIZED.num_codebooks,
            num_codebook_entries=QUANTIZED.num_entries,
        )
    ).train()

    def step() -> Tensor:
        layout = BatchLayout.of(batch.waveforms, batch.num_samples.tolist())
        loss, out = model(batch.waveforms, layout)
        return loss.aggregate / out.num_targets

    return model, step


def transformers(batch: Batch) -> tuple[nn.Module, Step]:
    from transformers import Wav2Vec2Config, Wav2Vec2ForPreTraining
    from transformers.models.wav2vec2.modeling_wav2vec2 import _sample_negative_indices

    config: Any = Wav2Vec2Config(  # type: ignore[no-untyped-call]
        hidden_size=ENCODER.model_dim,
        num_hidden_layers=ENCODER.num_layers,
        num_attention_heads=ENCODER.num_heads,
        intermediate_size=ENCODER.ffn_dim,
        conv_dim=[ENCODER.conv_dim] * len(CONV_KERNELS),
        conv_kernel=list(CONV_KERNELS),
        conv_stride=list(CONV_STRIDES),
        conv_bias=False,
        feat_extract_norm="layer",
        do_stable_layer_norm=False,
        hidden_dropout=0.0,
        activation_dropout=0.0,
        attention_dropout=0.0,
        feat_proj_dropout=0.0,
        feat_quantizer_dropout=0.0,
        layerdrop=0.0,
        num_codevector_groups=QUANTIZED.num_codebooks,
        num_codevectors_per_group=QUANTIZED.num_entries,
    )
    model = Wav2Vec2ForPreTraining(config).train()
    mask = batch.mask[:, : num_frames_of(batch.waveforms.shape[1])]
    negatives = torch.from_numpy(
        _sample_negative_indices(tuple(mask.shape), QUANTIZED.num_negatives, mask.numpy())
    )
    positions = torch.arange(batch.waveforms.shape[1])
    attention_mask = (positions < batch.num_samples[:, None]).long()

    def step() -> Tensor:
        out = model(
            batch.waveforms,
            attention_mask=attention_mask,
            mask_time_indices=mask,
            sampled_negative_indices=negatives,
        )
        loss: Tensor = out.loss / mask.sum()
        return loss

    return model, step


def timed(
    model: nn.Module,
    forward: Step,
    optimizer: torch.optim.Optimizer,
    bf16: bool,
    clock: Callable[[], float],
) -> float:
    """Returns the seconds of one training step."""
    start = clock()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        loss = forward()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    optimizer.zero_grad()
    if isinstance(model, ContinuousObjective):
        model.after_update(0.0)
    return clock() - start


def main() -> None:
    parser = argparse.ArgumentParser(description="Times one pre-training step on the CPU.")
    parser.add_argument("--precision", choices=("auto", "bf16", "fp32"), default="auto")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0, help="longest utterance")
    parser.add_argument("--shortest", type=float, default=0.6, help="as a share of --seconds")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--default-allocator", action="store_true", help="do not tune the process")
    arguments = parser.parse_args()

    tuning = {} if arguments.default_allocator else tune_machine()
    torch.set_num_threads(arguments.threads)
    if arguments.precision == "auto":
        widths = Widths.of(ENCODER, arguments.batch_size * arguments.seconds)
        arguments.precision = choose_precision(torch.device("cpu"), widths).precision
    torch.manual_seed(0)
    batch = make_batch(arguments.batch_size, arguments.seconds, arguments.shortest)
    quantized = QuantizedObjective(build_encoder(ENCODER, 0), QUANTIZED, 0)
    continuous = ContinuousObjective(build_encoder(ENCODER, 0), ContinuousSettings(), 0)
    models: dict[str, tuple[nn.Module, Step]] = {
        "ours, quantized": (quantized, ours(quantized, batch)),
        "ours, continuous": (continuous, ours(continuous, batch)),
        "fairseq2": fairseq2(batch),
        "transformers": transformers(batch),
    }
    optimizers = {
        name: torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-5)
        for name, (model, _) in models.items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in models}
    num_warm_up = 2
    for turn in range(num_warm_up + arguments.rounds):
        for name, (model, forward) in models.items():
            elapsed = timed(
                model,
                forward,
                optimizers[name],
                arguments.precision == "bf16",
                CLOCKS[arguments.clock],
            )
            if turn >= num_warm_up:
                seconds[name].append(elapsed)

    audio_seconds = float(batch.num_samples.sum()) / SAMPLE_RATE_HZ
    print(
        f"{arguments.precision}, {arguments.batch_size} utterances, {audio_seconds:.1f} s of audio "
        f"in rows of {arguments.seconds:g} s, {arguments.rounds} rounds, "
        f"{torch.get_num_threads()} threads, {arguments.clock} clock, "
        f"{tuning or 'default allocator'}\n"
    )
    print("| model | audio-s per s | " + " | ".join(f"times {name}" for name in REFERENCES) + " |")
    print("|---|---|" + "---|" * len(REFERENCES))
    for name, own in seconds.items():
        ratios = [
            statistics.median(b / a for a, b in zip(own, seconds[reference], strict=True))
            for reference in REFERENCES
        ]
        cells = " | ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"| {name} | {audio_seconds / statistics.median(own):.1f} | {cells} |")


if __name__ == "__main__":
    main()
