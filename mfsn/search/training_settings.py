"""Settings of how a network of MFSN is trained and searched."""

from typing import Annotated, Literal

from pretrain.shared.checked_settings import settings, within


@settings
class FitSettings:
    """How the weights are trained. The defaults are those of the public Co-attention code, with
    which the paper says to be in alignment."""

    lr: Annotated[float, within("(0, 1e38]")] = 1e-5
    """Rate of AdamW for fusion and emotion head, constant (the public Co-attention code's)."""

    sec_lr: Annotated[float, within("(0, 1e38]")] = 1e-5
    """Rate for the SEC encoder where it is trained (the public Co-attention code's for its
    encoder). Without effect on cached states."""

    weight_decay: Annotated[float, within("[0, 1e9]")] = 0.01
    """AdamW's (torch's default, as in the public Co-attention code)."""

    batch_size: Annotated[int, within("[1, 65536]")] = 64
    """Segments in a batch (the public Co-attention code's)."""

    max_epochs: Annotated[int, within("[1, 1e6]")] = 100
    """Most passes over the training part (the public Co-attention code's)."""

    patience: Annotated[int, within("[1, 1e6]")] = 8
    """Training ends when that many epochs in a row brought no better epoch (the public
    Co-attention code's)."""

    max_gradient_norm: Annotated[float, within("[0, 1e38]")] = 0.0
    """Gradients of the weights are clipped to this global norm; 0 leaves them as they are, as the
    public Co-attention code does. Not specified by the paper."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Precision of the matrix products in training; parameters, losses and what is scored are
    fp32. `auto` is bf16 where that is at least 1.5 times as fast, measured at the first start of a
    run, and is kept by it. Not specified by the paper."""

    deterministic: bool = True
    """Only deterministic kernels, so that a resumed training equals the straight one."""


@settings
class SearchSettings:
    """How the architecture weights alpha are found (paper, section 2: differentiable search)."""

    method: Literal["joint", "bilevel"] = "joint"
    """`joint`: alpha and weights step together on the training loss ("a single training process",
    paper). `bilevel`: alpha steps on one half of the dev part, first order, as in DARTS; the other
    half selects. Which one is not specified by the paper."""

    alpha_lr: Annotated[float, within("(0, 1e38]")] = 0.05
    """Rate of SGD for alpha. The paper's number has lost its exponent ("5"); to be swept over 5,
    0.5, 0.05, 0.005."""

    alpha_momentum: Annotated[float, within("[0, 1)")] = 0.0
    """Momentum of that SGD. Not specified by the paper."""

    zero_may_win: bool = True
    """Whether the operation `zero`, which drops the TEC stream, may be chosen. Not specified by
    the paper; DARTS forbids it."""

    after: Literal["keep", "retrain"] = "keep"
    """`keep`: the found structure keeps the weights it had in the search. `retrain`: it is trained
    from scratch. Not specified by the paper ("a single training process")."""
