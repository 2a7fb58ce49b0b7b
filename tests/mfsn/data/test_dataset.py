"""What a network receives of a segment: nothing of other segments, nothing of other parts."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from mfsn.data.dataset import SegmentData
from mfsn.data.head_inputs import FaultSettings, InputSettings
from mfsn.data.spectra import Spectra
from mfsn.data.streams import StreamPair
from tests.mfsn.corpora import corpus, encoder, speech

CLASSES = ("angry", "calm")
LENGTHS = [20_000, 110_000, 48_000, 50_000]
"""Segments: 1, 3 (48,000 + 48,000 + 14,000), 1, 1 (and a remainder that is left out)."""

PAIR = StreamPair(tec=encoder(1), sec=encoder(2))


def make(
    folder: Path,
    table: pd.DataFrame | None = None,
    *,
    live: bool = False,
    pair: StreamPair = PAIR,
    **faults: bool,
) -> SegmentData:
    table = corpus(folder / "audio", LENGTHS) if table is None else table
    settings = FaultSettings(**faults)
    return SegmentData(table, CLASSES, pair, InputSettings(), settings, folder / "kept", live=live)


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def test_segments_belong_to_rows_of_the_table_in_its_order(tmp_path: Path) -> None:
    data = make(tmp_path)
    assert data.num_segments == 6
    # The table is in reverse order of id: row 0 is u3, row 2 is u1 with three segments.
    assert [len(data.segments_of(rows(row))) for row in range(4)] == [1, 1, 3, 1]
    order = rows(2, 0, 3)
    batch = data.fitted_on(rows(0, 1, 2, 3)).batch(data.segments_of(order))
    assert batch.utterance.tolist() == [2, 2, 2, 0, 3]
    assert batch.labels.tolist() == [0, 0, 0, 0, 1]
    assert batch.num_samples.tolist() == [48_000, 48_000, 14_000, 48_000, 20_000]
    assert data.segments_of(rows()).shape == (0,)


def test_shapes_types_and_padding_at_the_end_of_every_input(tmp_path: Path) -> None:
    data = make(tmp_path, live=True).fitted_on(rows(0, 1, 2, 3))
    batch = data.batch(data.segments_of(rows(3)))
    assert batch.spectrogram.shape == (1, 300, 200)
    assert batch.mfcc.shape == (1, 300, 40)
    assert batch.waveforms.shape == (1, 48_000)
    assert batch.valid.shape == (1, 150)
    assert batch.num_spectral_frames.tolist() == [126]
    assert batch.valid[0].tolist() == [True] * 62 + [False] * 88
    assert batch.spectrogram.dtype == batch.mfcc.dtype == batch.tec.dtype == torch.float32
    assert (batch.spectrogram[0, 126:] == 0).all()
    assert (batch.mfcc[0, 126:] == 0).all()
    assert (batch.waveforms[0, 20_000:] == 0).all()
    assert (batch.tec[0, 62:] == 0).all()
    assert (batch.spectrogram[0, :126].amax(1) > 0).all()
    assert (batch.waveforms[0, :20_000].std() - 1).abs() < 1e-3
    torch.testing.assert_close(batch.mfcc[0, :126].norm(dim=1), torch.ones(126))
    assert batch.tec[0, :62].abs().amax(1).min() > 0


def test_a_later_segment_has_the_frames_of_its_own_time(tmp_path: Path) -> None:
    data = make(tmp_path, live=True).fitted_on(rows(0, 1, 2, 3))
    batch = data.batch(data.segments_of(rows(2)))
    waveform = speech(1, 110_000)
    spectra = Spectra(InputSettings())
    mfcc = spectra.mfcc(spectra.emphasised(torch.from_numpy(waveform)))
    torch.testing.assert_close(batch.mfcc[1], mfcc[300:600])
    torch.testing.assert_close(batch.mfcc[2, :88], mfcc[600:688])
    assert PAIR.sec is not None
    expected = torch.from_numpy(PAIR.sec.prepare(waveform[96_000:110_000]))
    torch.testing.assert_close(batch.waveforms[2, :14_000], expected)


def test_a_segment_is_the_same_alone_and_in_any_batch(tmp_path: Path) -> None:
    together = make(tmp_path).fitted_on(rows(0, 1, 2, 3))
    table = corpus(tmp_path / "audio", LENGTHS)
    alone = make(tmp_path / "alone", table.iloc[[3]]).fitted_on(rows(0))
    batch = together.batch(together.segments_of(rows(2, 3)))
    single = alone.batch(rows(0))
    for field in ("mfcc", "num_spectral_frames", "num_samples", "valid"):
        assert torch.equal(getattr(batch, field)[3:], getattr(single, field))
    for one, other in zip((batch.tec, *batch.sec), (single.tec, *single.sec), strict=True):
        torch.testing.assert_close(one[3:], other, atol=4e-3, rtol=1e-3)


def test_states_equal_those_of_the_encoder_itself(tmp_path: Path) -> None:
    data = make(tmp_path).fitted_on(rows(0, 1, 2, 3))
    batch = data.batch(data.segments_of(rows(3)))
    assert PAIR.tec is not None
    assert PAIR.sec is not None
    waveform = torch.from_numpy(PAIR.sec.prepare(speech(0, 20_000)))[None]
    for states, source, layer in (
        (batch.tec, PAIR.tec, 4), (batch.sec[0], PAIR.sec, 1), (batch.sec[1], PAIR.sec, 2),
        (batch.sec[2], PAIR.sec, 4),
    ):  # fmt: skip
        fresh = source(waveform, torch.tensor([20_000])).layers[layer]
        torch.testing.assert_close(states[0, :62], fresh[0, :62], atol=4e-3, rtol=1e-3)


def test_normalisation_is_fitted_on_the_training_rows_only(tmp_path: Path) -> None:
    def inputs_of_training(folder: Path, outlier: bool) -> tuple[Tensor, Tensor]:
        table = corpus(folder / "audio", LENGTHS)
        path = str(table.iloc[0]["path"])
        if outlier:
            import soundfile

            spiked = np.zeros(50_000, dtype=np.float32)
            spiked[1000] = 0.9  # flat spectrum: every bin at the maximum, then silence
            soundfile.write(path, spiked, 16_000, subtype="FLOAT")
        data = make(folder, table)
        train = data.segments_of(rows(1, 2, 3))
        clean = data.fitted_on(rows(1, 2, 3)).batch(train).spectrogram
        leaky = data.fitted_on(rows(0, 1, 2, 3)).batch(train).spectrogram
        return clean, leaky

    clean, leaky = inputs_of_training(tmp_path / "a", outlier=False)
    with_outlier, leaky_with_outlier = inputs_of_training(tmp_path / "b", outlier=True)
    assert torch.equal(clean, with_outlier)
    assert not torch.equal(leaky, leaky_with_outlier), "the outlier would be seen if it were fitted"
    assert clean.amin() == 0
    assert clean.amax() == 1


def test_seen_names_every_utterance_that_was_asked_for(tmp_path: Path) -> None:
    data = make(tmp_path)
    fitted = data.fitted_on(rows(1, 2))
    assert fitted.seen == {1, 2}
    assert fitted.with_bins(fitted.bins).seen == set()
    fitted.batch(data.segments_of(rows(0)))
    assert fitted.seen == {0, 1, 2}
    assert data.seen == set()


def test_loud_padding_pads_with_the_maximum_and_counts_it(tmp_path: Path) -> None:
    data = make(tmp_path, loud_padding=True).fitted_on(rows(0, 1, 2, 3))
    batch = data.batch(data.segments_of(rows(3)))
    assert batch.num_spectral_frames.tolist() == [300]
    assert (batch.spectrogram[0, 126:] == 1).all()
    assert (batch.mfcc[0, 126:] == 0).all()
    assert batch.valid.sum() == 62, "the encoders' padding is another matter"


def test_front_padding_puts_speech_at_the_end_and_counts_everything(tmp_path: Path) -> None:
    fixed = make(tmp_path, live=True).fitted_on(rows(0, 1, 2, 3))
    data = make(tmp_path, live=True, front_padded_waveform=True).fitted_on(rows(0, 1, 2, 3))
    batch = data.batch(data.segments_of(rows(3)))
    assert PAIR.sec is not None
    expected = PAIR.sec.prepare(np.pad(speech(0, 20_000), (28_000, 0)))
    torch.testing.assert_close(batch.waveforms[0], torch.from_numpy(expected))
    assert batch.num_samples.tolist() == [48_000]
    assert batch.valid.sum() == 149
    assert torch.equal(batch.mfcc, fixed.batch(data.segments_of(rows(3))).mfcc)


def test_emphasised_encoders_hear_the_emphasised_waveform(tmp_path: Path) -> None:
    data = make(tmp_path, live=True, emphasised_encoders=True).fitted_on(rows(0, 1, 2, 3))
    batch = data.batch(data.segments_of(rows(3)))
    x = speech(0, 20_000)
    emphasised = np.concatenate([x[:1], x[1:] - np.float32(0.97) * x[:-1]])
    assert PAIR.sec is not None
    expected = torch.from_numpy(PAIR.sec.prepare(emphasised))
    torch.testing.assert_close(batch.waveforms[0, :20_000], expected, atol=1e-4, rtol=1e-4)


def test_tiny_tails_come_back_with_one_frame_at_least(tmp_path: Path) -> None:
    table = corpus(tmp_path / "audio", [48_100, 20_000])
    assert make(tmp_path, table).num_segments == 2
    data = make(tmp_path, table, tiny_tails=True)
    assert data.num_segments == 3
    batch = data.fitted_on(rows(0, 1)).batch(data.segments_of(rows(1)))
    assert batch.valid.sum(1).tolist() == [149, 1]
    assert batch.num_spectral_frames.tolist() == [300, 1]
    assert all(level.isfinite().all() for level in (batch.tec, *batch.sec))


def test_choosing_on_the_test_part_changes_no_input(tmp_path: Path) -> None:
    make(tmp_path)
    files = sorted(path.name for path in (tmp_path / "kept").iterdir())
    make(tmp_path, test_selection=True)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == files


def test_unknown_emotions_are_named_and_missing_ones_have_no_label(tmp_path: Path) -> None:
    table = corpus(tmp_path / "audio", [20_000, 20_000])
    table["emotion"] = ["calm", ""]
    data = make(tmp_path, table, pair=StreamPair()).fitted_on(rows(0))
    batch = data.batch(data.segments_of(rows(0, 1)))
    assert batch.labels.tolist() == [1, -1]
    assert batch.sec == ()
    assert {field.name for field in fields(batch)} >= {"labels", "utterance"}
    table["emotion"] = ["calm", "bored"]
    with pytest.raises(ValueError, match=r"one of angry, calm, but is 'bored' .* 'u0'"):
        make(tmp_path, table)


def test_fitting_on_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fitted on some utterance"):
        make(tmp_path, corpus(tmp_path / "audio", [20_000])).fitted_on(rows())
