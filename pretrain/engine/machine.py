"""Start-up settings of the process that make training on a CPU about twice as fast."""

import ctypes
import ctypes.util
import sys

import torch

# Parameters of glibc's mallopt, from malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4

MAX_RELATIVE_ERROR = 1e-5
"""Largest error of a matrix product that still counts as fp32: fp32 gives about 1e-6, bf16 and
TF32 1e-3."""


def tune_machine() -> dict[str, str]:
    """Tunes this process's allocator and fp32 matrix products.

    To be called once, before anything large is allocated. Returns what was done, by name, for the
    run folder. Never fails: what the machine does not offer is left as it is, and the result says
    so.
    """
    return {
        "allocator": "keeps freed memory" if keep_freed_memory() else "unchanged",
        "float32_matmul_precision": choose_matmul_precision(),
    }


def keep_freed_memory() -> bool:
    """Lets glibc keep the memory that a step frees instead of returning it to the kernel.

    A step allocates the same large buffers again and again; to fault them in anew every time costs
    about as much as the arithmetic. Returns False where there is no glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(ctypes.util.find_library("c") or "libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    # No buffer gets a mapping of its own (those are always returned), and the heap is not trimmed.
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, -1))


def choose_matmul_precision() -> str:
    """Chooses and sets PyTorch's `float32_matmul_precision` and returns it.

    "medium" leads from MKL, which is slow on AMD, to oneDNN. On some CPUs oneDNN then really
    computes in bf16, and on GPUs it means TF32: so it is kept only on a machine without GPU, and
    only if products come out as exact as fp32's.
    """
    torch.set_float32_matmul_precision("highest")
    if torch.cuda.is_available():
        return "highest"
    torch.set_float32_matmul_precision("medium")
    if max(_relative_error(rows) for rows in (64, 1024)) > MAX_RELATIVE_ERROR:
        torch.set_float32_matmul_precision("highest")
    return torch.get_float32_matmul_precision()


def _relative_error(rows: int) -> float:
    """Error of an fp32 product of the model's widths against fp64, relative to its typical size."""
    random = torch.Generator().manual_seed(0)
    a = torch.randn(rows, 512, generator=random)
    b = torch.randn(512, 512, generator=random)
    exact = a.double() @ b.double()
    error = (a @ b).double() - exact
    return float(error.abs().max() / exact.square().mean().sqrt())
