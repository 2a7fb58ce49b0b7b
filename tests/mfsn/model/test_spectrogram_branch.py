"""The spectrogram as an image, the AlexNet shapes and the weights from a file."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from mfsn.model.acoustic_branches import (
    IMAGE_DEVIATION,
    IMAGE_MEAN,
    SpectrogramBranch,
    alexnet_features,
    average_bins,
)

CHANNELS = (4, 4, 4, 4, 4)


def make_branch(weights: str = "", size: tuple[int, int] = (64, 64)) -> SpectrogramBranch:
    torch.manual_seed(0)
    return SpectrogramBranch(
        image_size=size,
        channels=CHANNELS,
        pooled=2,
        out_features=5,
        dropout=0.0,
        imagenet_weights=weights,
    )


def test_full_sizes_are_those_of_alexnet() -> None:
    features = alexnet_features((64, 192, 384, 256, 256))
    assert sum(weight.numel() for weight in features.parameters()) == 2_469_696
    assert features(torch.zeros(1, 3, 256, 384)).shape == (1, 256, 7, 11)
    assert list(features.state_dict())[:4] == ["0.weight", "0.bias", "3.weight", "3.bias"]


@pytest.mark.parametrize(("size", "bins"), [(7, 6), (11, 6), (2, 6), (6, 6), (1, 2)])
def test_pooling_equals_adaptive_average_pooling(size: int, bins: int) -> None:
    values = torch.randn(1, 1, size)
    expected = F.adaptive_avg_pool1d(values, bins)
    torch.testing.assert_close(values @ average_bins(size, bins).T, expected)


def test_image_has_high_frequencies_on_top_and_black_beyond_the_end() -> None:
    spectrogram = torch.zeros(1, 300, 200)
    spectrogram[:, :, 100:] = 1.0
    image = make_branch().image(spectrogram, torch.tensor([150]))[0]
    black, white = (
        (torch.tensor([level] * 3) - torch.tensor(IMAGE_MEAN)) / torch.tensor(IMAGE_DEVIATION)
        for level in (0.0, 1.0)
    )
    torch.testing.assert_close(image[:, 10, 10], white)
    torch.testing.assert_close(image[:, 50, 10], black)
    torch.testing.assert_close(image[:, 10, 50], black)


def test_what_lies_beyond_the_end_changes_nothing() -> None:
    branch = make_branch()
    spectrogram = torch.rand(2, 300, 200)
    lengths = torch.tensor([300, 120])
    changed = spectrogram.clone()
    changed[1, 120:] = 1.0
    assert torch.equal(branch(changed, lengths), branch(spectrogram, lengths))
    changed[1, 119] = 1.0
    assert not torch.equal(branch(changed, lengths), branch(spectrogram, lengths))


def test_weights_come_from_a_local_file_that_may_have_a_classifier(tmp_path: Path) -> None:
    source = alexnet_features(CHANNELS).state_dict()
    tensors = {f"features.{name}": weight for name, weight in source.items()}
    file = tmp_path / "alexnet.safetensors"
    save_file(tensors | {"classifier.1.weight": torch.zeros(2)}, file)
    loaded = make_branch(str(file)).features.state_dict()
    assert all(torch.equal(loaded[name], weight) for name, weight in source.items())


@pytest.mark.parametrize("damage", ["absent", "garbage", "missing key", "other shape"])
def test_a_file_that_does_not_fit_is_named_with_its_key(damage: str, tmp_path: Path) -> None:
    file = tmp_path / "alexnet.safetensors"
    tensors = {f"features.{name}": w for name, w in alexnet_features(CHANNELS).state_dict().items()}
    if damage == "garbage":
        file.write_bytes(b"not safetensors")
    elif damage == "missing key":
        del tensors["features.3.weight"]
        save_file(tensors, file)
    elif damage == "other shape":
        save_file(tensors | {"features.3.weight": torch.zeros(1)}, file)
    with pytest.raises(ValueError, match=r"alexnet\.safetensors") as caught:
        make_branch(str(file))
    if damage in ("missing key", "other shape"):
        assert "`features.3.weight`" in str(caught.value)


def test_an_image_too_small_for_the_poolings_is_refused() -> None:
    make_branch(size=(63, 63))
    with pytest.raises(ValueError, match="must be at least 63"):
        make_branch(size=(62, 63))
