"""The LSTM over rows of several lengths, against torch's packed sequences."""

import pytest
import torch
from torch import Tensor, nn

from mfsn.model.acoustic_branches import BidirectionalLSTM, MfccBranch, pooled_frames

LENGTHS = torch.tensor([7, 1, 4])


def packed(lstm: nn.LSTM, states: Tensor, lengths: Tensor) -> Tensor:
    sequence = nn.utils.rnn.pack_padded_sequence(
        states, lengths, batch_first=True, enforce_sorted=False
    )
    output, _ = nn.utils.rnn.pad_packed_sequence(
        lstm(sequence)[0], batch_first=True, total_length=states.shape[1]
    )
    return output


def test_lstm_equals_torchs_packed_bidirectional_one_with_its_gradients() -> None:
    torch.manual_seed(0)
    ours = BidirectionalLSTM(5, 3)
    theirs = nn.LSTM(5, 3, batch_first=True, bidirectional=True)
    halves = ours.ahead.state_dict(), ours.back.state_dict()
    theirs.load_state_dict(
        halves[0] | {f"{name}_reverse": weight for name, weight in halves[1].items()}
    )
    states = torch.randn(3, 8, 5, requires_grad=True)
    expected, got = packed(theirs, states, LENGTHS), ours(states, LENGTHS)
    torch.testing.assert_close(got, expected)
    assert not got[1, 1:].any()
    weights = torch.randn(3, 8, 6)
    (one,) = torch.autograd.grad((expected * weights).sum(), states)
    (other,) = torch.autograd.grad((got * weights).sum(), states)
    torch.testing.assert_close(other, one)


def test_pooling_averages_over_the_frames_that_are_valid() -> None:
    mfcc = torch.tensor([[1.0, 3.0, 5.0, 99.0, 99.0, 99.0], [1.0, 2.0, 3.0, 4.0, 5.0, 7.0]])
    frames, lengths = pooled_frames(mfcc[:, :, None], torch.tensor([3, 6]), 2)
    assert frames[:, :, 0].tolist() == [[2.0, 5.0, 0.0], [1.5, 3.5, 6.0]]
    assert lengths.tolist() == [2, 3]


@pytest.mark.parametrize("pool", [1, 2, 4])
def test_what_lies_beyond_the_end_changes_nothing(pool: int) -> None:
    torch.manual_seed(0)
    branch = MfccBranch(
        num_frames=8,
        num_mfcc=5,
        pool=pool,
        hidden_dim=3,
        num_layers=2,
        lstm_dropout=0.0,
        out_features=4,
        dropout=0.0,
    )
    mfcc = torch.randn(3, 8, 5)
    expected = branch(mfcc, LENGTHS)
    changed = mfcc.clone()
    for row, length in enumerate(LENGTHS.tolist()):
        changed[row, length:] = 1e3
        alone = branch(mfcc[row : row + 1], LENGTHS[row : row + 1])
        torch.testing.assert_close(alone[0], expected[row])
    assert torch.equal(branch(changed, LENGTHS), expected)


def test_frames_that_cannot_be_pooled_evenly_are_refused() -> None:
    with pytest.raises(ValueError, match="`mfcc_pool` must divide the 300 frames"):
        MfccBranch(
            num_frames=300,
            num_mfcc=40,
            pool=7,
            hidden_dim=3,
            num_layers=1,
            lstm_dropout=0.0,
            out_features=4,
            dropout=0.0,
        )
