"""Placeholder until the model part lands."""


def tune_machine() -> dict[str, str]:
    import ctypes

    import torch

    libc = ctypes.CDLL("libc.so.6")
    libc.mallopt(-4, 0)
    libc.mallopt(-1, 2**31 - 1)
    torch.set_float32_matmul_precision("medium")
    return {}
