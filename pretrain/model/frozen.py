"""The one frozen encoder: what the probe and MFSN compute features of speech with.

Shapes: B utterances, S samples, T frames, D model dim, L Transformer blocks.
"""

from pathlib import Path

import torch
from torch import Tensor

from pretrain.model.encode import EncoderOutput, SoundEncoder
from pretrain.model.kinds.registry import find_kind
from pretrain.model.weights import weights_hash
from pretrain.shared.json_files import hash_of

EXACT_POSITIONS = "bf16-fp32positions"
"""In keys: what was kept as `bf16` is of positions in bf16, which some CPUs compute wrongly."""


class FrozenEncoder:
    """An encoder of any kind as it was trained, which computes layers and learns nothing.

    `dim`, `num_layers`, `prepare` and `num_frames` are those of `SoundEncoder`; `key` is a hash of
    everything that its numbers depend on, fit for a file name.
    """

    def __init__(
        self,
        module: SoundEncoder,
        *,
        name: str,
        bf16: bool = False,
        device: torch.device | None = None,
    ) -> None:
        """Moves and freezes `module` itself, on the CPU by default; `name` is for messages."""
        self.name = name
        self.device = device or torch.device("cpu")
        self.module = module.to(self.device).eval().requires_grad_(False)
        self.bf16 = bf16
        self.dim, self.num_layers = module.dim, module.num_layers
        self.prepare, self.num_frames = module.prepare, module.num_frames
        sizes, precision = hash_of(module.beside_weights())[:8], EXACT_POSITIONS if bf16 else "fp32"
        self.key = f"{weights_hash(module)[:16]}-{sizes}-{precision}-{self.device.type}"

    def __call__(self, waveforms: Tensor, num_samples: Tensor) -> EncoderOutput:
        """(B, S) prepared and zero-padded, (B,) -> L + 1 times (B, T, D) on its device."""
        with (
            torch.no_grad(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16),
        ):
            output: EncoderOutput = self.module(
                waveforms.to(self.device), num_samples.to(self.device)
            )
        return output


def load_frozen(
    folder: Path | str,
    *,
    name: str = "",
    initial: bool = False,
    bf16: bool = False,
    device: torch.device | None = None,
) -> FrozenEncoder:
    """Loads the encoder in a folder of any kind of `pretrain.model.kinds.registry`.

    Args:
        folder: A run folder of ours, a released one in transformers' format, ...
        name: For progress bars and messages; that of the folder if empty.
        initial: Takes the weights from before training, which only run folders of ours have.
        bf16: Whether it computes in bfloat16.
        device: Where it computes; the CPU by default.

    Raises:
        ValueError: The folder is of no kind, or a file is missing or damaged.
    """
    folder = Path(folder).expanduser()
    _, kind = find_kind(folder)
    module = kind.load(folder, initial=initial)
    return FrozenEncoder(module, name=name or folder.resolve().name, bf16=bf16, device=device)
