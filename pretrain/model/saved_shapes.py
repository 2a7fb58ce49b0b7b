"""Whether saved weights have the sizes that a module is to have, before memory is asked for."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from torch import nn

Shapes = dict[str, tuple[int, ...]]


def shapes_in(file: Path) -> Shapes:
    """Returns the shapes of all tensors of a safetensors file, by name, from its header.

    Raises `OSError` or `SafetensorError` when it cannot be read.
    """
    with safe_open(file, framework="numpy") as opened:
        return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118


def fault_of_shapes(make: Callable[[], nn.Module], shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Says in what the module that `make` builds would differ from tensors of `shapes`; "" if in
    nothing. Its parameters are not allocated."""
    try:
        with torch.device("meta"):
            wanted = {name: tuple(t.shape) for name, t in make().state_dict().items()}
    except (RuntimeError, OverflowError) as error:
        return f"no tensor can be so large ({str(error).splitlines()[0]})"
    for name, shape in wanted.items():
        if name not in shapes:
            return f"it lacks {name}"
        if shapes[name] != shape:
            return f"{name} has the shape {shapes[name]} in it, but {shape} by these sizes"
    unknown = sorted(shapes.keys() - wanted.keys())
    return f"it has {unknown[0]} besides" if unknown else ""
