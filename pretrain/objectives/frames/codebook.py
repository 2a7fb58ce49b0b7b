"""What the targets of a corpus look like: mean, deviation and centroids of its frames.

Computed once per corpus and seed on a fixed sample and kept, so that all rows of a seed have the
same. Not specified by the paper.

Shapes: N frames of the sample, D values of a frame, k centroids.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits
from torch import Tensor

from pretrain.data.audio.waveforms import read_waveform
from pretrain.data.frames import num_frames_of
from pretrain.data.loader import NORMALIZE_EPS, normalize_waveform, pad_waveforms
from pretrain.data.tables.utterances import table_hash
from pretrain.objectives.frames.logmel import LogMel
from pretrain.shared.errors import InputError
from pretrain.shared.json_files import hash_of
from pretrain.shared.kept_tensors import TensorFile, Tensors
from pretrain.shared.numbers_version import kept_as
from pretrain.shared.paths import runs_folder
from pretrain.shared.random_streams import generator

MAX_UTTERANCES = 400
MAX_FRAMES = 100_000
"""Size of the sample: some 25 minutes of speech."""

KMEANS_STARTS = 3
KMEANS_FRAMES = 4096
"""Of a batch of k-means."""

FrameValues = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""(B, S) waveforms, (B,) valid samples -> (B, T, D) values, and (B, T, D) or (B, T, 1) bool, which
of them count."""


@dataclass(frozen=True, kw_only=True)
class Space:
    """What a frame is."""

    name: str
    """Of files; it says all that the values depend on, but the sound."""

    values: FrameValues

    epsilon: float = NORMALIZE_EPS
    """On the variance of a waveform: that of the encoder, which hears the same."""

    @property
    def kept_name(self) -> str:
        """Of files, with the epsilon."""
        return self.name + ("" if self.epsilon == NORMALIZE_EPS else f"-{self.epsilon:g}")


@dataclass(frozen=True, kw_only=True)
class Codebook:
    """Of standardised frames, float32."""

    mean: Tensor
    """(D,) of the frames as they are."""

    std: Tensor
    """(D,) of the frames as they are."""

    centroids: Tensor
    """(k, D) of standardised frames."""

    shares: Tensor
    """(k,) which share of the sample's frames has each centroid."""

    kept_variance: float
    """Which share of the sample's variance is left when frames become their centroids."""

    @property
    def tensors(self) -> Tensors:
        return {
            "mean": self.mean, "std": self.std, "centroids": self.centroids, "shares": self.shares,
        }  # fmt: skip

    def centroid_variances(self) -> Tensor:
        """Returns (D,) the variances of frames that have become their centroids."""
        shares = self.shares[:, None] / self.shares.sum()
        mean = (shares * self.centroids).sum(0)
        return (shares * (self.centroids - mean).square()).sum(0)

    def entropy(self) -> float:
        """Returns the entropy of the codes in nats: the loss of one answer for all frames."""
        used = self.shares[self.shares > 0].double()
        return float(-(used * used.log()).sum())


def space_of(name: str, frames: Callable[[Tensor, Tensor], Tensor]) -> Space:
    """Returns a space whose values count in every frame; `frames` gives (B, T, D)."""

    def values(waveforms: Tensor, num_samples: Tensor) -> tuple[Tensor, Tensor]:
        found = frames(waveforms, num_samples)
        return found, torch.ones(*found.shape[:2], 1, dtype=torch.bool)

    return Space(name=name, values=values)


def log_mel_space() -> Space:
    """Returns the space `logmel`."""
    log_mel = LogMel()
    return space_of("logmel", lambda waveforms, _: log_mel(waveforms))


def corpus_codebook(
    utterances: pd.DataFrame, seed: int, num_centroids: int, space: Space | None = None
) -> Codebook:
    """Returns the codebook of a corpus' frames.

    Args:
        utterances: Rows of the utterance table; their order is of no account.
        seed: Of the sample and of k-means.
        num_centroids: k.
        space: What a frame is; log-mel by default.

    Raises:
        InputError: The corpus has fewer frames than centroids.
    """
    space = space or log_mel_space()
    name = f"{space.kept_name}-{num_centroids}"
    tensors = _kept(utterances, seed, name, lambda: _make(utterances, seed, num_centroids, space))
    kept = float(tensors.pop("kept_variance"))
    return Codebook(**tensors, kept_variance=kept)


def posterior_divergence(
    utterances: pd.DataFrame, seed: int, codebook: Codebook, tau: float, space: Space
) -> float:
    """Returns the mean divergence in nats of frames' softmax of -|x - c_j|^2 / tau from its mean:
    the loss of one answer for all frames."""

    def make() -> Tensors:
        frames, _ = _frames(utterances, seed, space)
        x = (_float32(frames) - codebook.mean) / codebook.std
        each = (-torch.cdist(x, codebook.centroids).square() / tau).softmax(dim=-1).double()
        mean = each.mean(0)
        return {
            "divergence": (torch.xlogy(each, each).sum(1).mean() - torch.xlogy(mean, mean).sum())
        }

    of = "" if space.kept_name == "logmel" else f"{space.kept_name}-"
    name = f"posterior-{of}{len(codebook.centroids)}-{tau:g}"
    return float(_kept(utterances, seed, name, make)["divergence"])


def corpus_moments(
    utterances: pd.DataFrame, seed: int, space: Space
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns (D,) mean, deviation and share of the frames that count, of any values of frames."""

    def make() -> Tensors:
        found, counted = _frames(utterances, seed, space)
        weight = np.broadcast_to(counted, found.shape).astype(np.float64)
        total = weight.sum(0).clip(min=1.0)
        mean = (found * weight).sum(0) / total
        std = np.sqrt((np.square(found - mean) * weight).sum(0) / total)
        share = weight.mean(0)
        return {n: _float32(v) for n, v in (("mean", mean), ("std", std), ("share", share))}

    kept = _kept(utterances, seed, space.kept_name, make)
    return kept["mean"], kept["std"].clamp(min=1e-6), kept["share"]


def _kept(utterances: pd.DataFrame, seed: int, name: str, make: Callable[[], Tensors]) -> Tensors:
    corpus = hash_of([table_hash(utterances), seed])
    path = runs_folder() / "targets" / f"{name}-{corpus[:16]}-{kept_as('audio', 'targets')}"
    file = TensorFile(path=path.with_name(path.name + ".safetensors"))
    return file.read_or_make(
        make, waiting="Waiting for another process that computes the targets' codebook"
    )


def _make(utterances: pd.DataFrame, seed: int, num_centroids: int, space: Space) -> Tensors:
    frames, _ = _frames(utterances, seed, space)
    mean, std = frames.mean(0), frames.std(0).clip(min=1e-6)
    frames = (frames - mean) / std
    if len(frames) < num_centroids:
        raise InputError(
            f"`num_centroids` must be at most the frames of the corpus, but is {num_centroids} "
            f"instead, and there are {len(frames)}."
        )
    # With several threads sums are rounded in another order.
    with threadpool_limits(1):
        found = MiniBatchKMeans(
            num_centroids,
            batch_size=KMEANS_FRAMES,
            n_init=KMEANS_STARTS,
            random_state=int(generator(seed, "k-means", num_centroids).integers(2**31)),
        ).fit(frames.astype(np.float32))
    centroids = cast("npt.NDArray[np.float64]", found.cluster_centers_)
    codes = found.labels_
    shares = np.bincount(codes, minlength=num_centroids) / len(codes)
    kept = float(1 - np.square(frames - centroids[codes]).mean())
    return {
        "mean": _float32(mean),
        "std": _float32(std),
        "centroids": _float32(centroids),
        "shares": _float32(shares),
        "kept_variance": torch.tensor(kept, dtype=torch.float64),
    }


@torch.no_grad()
def _frames(
    utterances: pd.DataFrame, seed: int, space: Space
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Returns (N, D) frames of the sample, and (N, D) or (N, 1) which values count."""
    by_id = utterances.sort_values("id", kind="stable")
    order = generator(seed, "codebook").permutation(len(by_id))[:MAX_UTTERANCES]
    found: list[npt.NDArray[np.float64]] = []
    counted: list[npt.NDArray[np.bool_]] = []
    num_frames = 0
    for row in order:
        waveform = normalize_waveform(read_waveform(by_id.iloc[row]), space.epsilon)
        frames, counts = space.values(*pad_waveforms([waveform]))
        num = num_frames_of(len(waveform))
        found.append(frames[0, :num].double().numpy())
        counted.append(counts[0, :num].numpy())
        num_frames += num
        if num_frames >= MAX_FRAMES:
            break
    return np.concatenate(found), np.concatenate(counted)


def _float32(values: npt.NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
