"""In which precision the probe runs encoders: what is there decides on `auto`, else a measurement.

Features in bf16 and in fp32 are different numbers: one table has one of them.
"""

from pathlib import Path

import torch

from pretrain.engine.arithmetic.kept_precision import decided_once, named, say_at_once, warn_if_slow
from pretrain.engine.arithmetic.precision import (
    ASKED,
    AUTO,
    BF16,
    COMMON,
    FP32,
    Choice,
    Precision,
    Widths,
    choose_precision,
)
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.shared.json_files import JsonError, read_object
from probe.features.batches import BATCH_SECONDS
from probe.rows.evaluate_row import device


def choose_for_probe(
    asked: str,
    there: Precision | None,
    encoder: EncoderSettings | None,
    *,
    table: Path | None = None,
    keep: bool = True,
) -> Choice:
    """Returns the precision of a probe.

    Args:
        asked: By the user; maybe `auto`.
        there: What the results that are there were computed in, if there are any.
        encoder: Sizes of the encoders; None if they are not ours.
        table: Folder in which the decision is kept for all that share the work.
        keep: Whether a new decision is written into it.
    """
    if (precision := named(asked)) is not None:
        return Choice(precision, ASKED)
    assert asked == AUTO, asked
    if there is not None:
        return Choice(there, "as in the results there")
    return decided_once(
        table,
        lambda: choose_precision(device(), _widths(encoder), path=_path()),
        keep=keep,
    )


def say_precision(choice: Choice, encoder: EncoderSettings | None) -> None:
    """Says it in one line, and a warning in another where the other one is faster by far."""
    say_at_once(f"precision of the probe: {choice.precision} ({choice.reason})")
    if choice != Choice(FP32, ASKED):
        warn_if_slow(choice, device(), _widths(encoder), path=_path())


def precision_of_inputs(inputs: object) -> Precision | None:
    """Returns the precision in the `inputs` of a cell or of results."""
    bf16 = inputs.get("bf16") if isinstance(inputs, dict) else None
    return (BF16 if bf16 else FP32) if isinstance(bf16, bool) else None


def precision_of_cells(folder: Path) -> Precision | None:
    """Returns the precision of the newest cell that can be read, or None where there is none."""
    cells = [(path.stat().st_mtime_ns, path) for path in folder.glob("*/*/[!.]*.json")]
    for _, path in sorted(cells, reverse=True):
        try:
            content = read_object(path, allow_nan=True)
        except JsonError:
            continue  # whoever needs this cell says what is wrong with it
        if found := precision_of_inputs(content.get("inputs")):
            return found
    return None


def _widths(encoder: EncoderSettings | None) -> Widths:
    return COMMON if encoder is None else Widths.of(encoder, BATCH_SECONDS, trains=False)


def _path() -> str:
    """Returns how fp32 is multiplied here; the probe leaves it as it is."""
    return torch.get_float32_matmul_precision()
