"""Start-up settings of the process that make training on a CPU about twice as fast."""

import ctypes
import ctypes.util
import sys

import torch

from pretrain.engine.arithmetic.precision import COMMON, Widths, faster_path, is_exact, measure

MATMUL_PRECISION = "float32_matmul_precision"
"""PyTorch's name, under which run folders have it too."""

PATHS = ("highest", "medium")
"""Its values; "high" is not exact on any machine that knows it."""

# Parameters of glibc's mallopt, from malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4


def tune_machine(widths: Widths = COMMON, *, path: str | None = None) -> dict[str, str]:
    """Tunes this process's allocator and fp32 matrix products.

    To be called once, before anything large is allocated. Never fails: what the machine does not
    offer is left as it is, and the result says so.

    Args:
        widths: Of the products that matter.
        path: The `float32_matmul_precision` of a run that is continued, which equals the straight
            run to the bit only with the same; chosen by measuring if None.

    Returns:
        What was done, by name, for the run folder.
    """
    # Measuring sets it too: so products are the same whether or not something was measured.
    torch.set_num_threads(torch.get_num_threads())
    return {
        "allocator": "keeps freed memory" if keep_freed_memory() else "unchanged",
        MATMUL_PRECISION: choose_matmul_precision(widths, path=path),
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


def choose_matmul_precision(widths: Widths = COMMON, *, path: str | None = None) -> str:
    """Chooses and sets PyTorch's `float32_matmul_precision` and returns it.

    "medium" leads from MKL, which is slow on AMD, to oneDNN. On some CPUs oneDNN then really
    computes in bf16, and on GPUs it means TF32: so it is considered only on a machine without GPU,
    and only if products come out as exact as fp32's. Of what is left the faster one is taken, or
    `path` if it is given.
    """
    if torch.cuda.is_available():
        path = "highest"
    elif path not in PATHS:
        path = faster_path(measure(widths))
    elif not is_exact(path):
        path = "highest"
    torch.set_float32_matmul_precision(path)
    return path
