"""The range of each bin comes from valid frames only, and is applied as it should be."""

import torch

from mfsn.data.spectra import fit_range


def test_range_and_normalisation_by_hand() -> None:
    spectrogram = torch.tensor(
        [
            [[-80.0, -10.0], [-60.0, -10.0], [0.0, 0.0]],
            [[-70.0, -10.0], [99.0, 99.0], [-99.0, -99.0]],
        ]
    )
    num_frames = torch.tensor([2, 1])
    fitted = fit_range(iter([(spectrogram[:1], num_frames[:1]), (spectrogram[1:], num_frames[1:])]))
    assert fitted.low.tolist() == [-80, -10]
    assert fitted.high.tolist() == [-60, -10]
    normalized = fitted.normalized(spectrogram, num_frames)
    assert normalized[:, :, 0].tolist() == [[0, 1, 0], [0.5, 0, 0]]
    assert (normalized[:, :, 1] == 0).all(), "a constant bin says nothing"
    outside = fitted.normalized(torch.tensor([[[-90.0, -90.0], [-50.0, -50.0]]]), torch.tensor([2]))
    assert outside[0, :, 0].tolist() == [0, 1]
