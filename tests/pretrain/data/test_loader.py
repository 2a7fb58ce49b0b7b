import numpy as np
import pandas as pd
import pytest
import torch

from pretrain.config.files import SettingsTree
from pretrain.data.audio.waveforms import read_waveform
from pretrain.data.frames import num_frames_of
from pretrain.data.loader import (
    DataSettings,
    ShardReader,
    digest_of,
    make_loader,
    make_plan,
    normalize_waveform,
    usable_utterances,
)
from pretrain.data.masking import MaskSettings
from pretrain.data.readers.read import read_corpus
from pretrain.data.sampler import PlanError

DATA = DataSettings(crop_seconds=1.5, shard_seconds=5.0, num_shards=2)


@pytest.fixture
def table(noise_corpus: str, tiny_tree: SettingsTree) -> pd.DataFrame:
    return usable_utterances(read_corpus(noise_corpus), DATA)


def reader(table: pd.DataFrame, seed: int = 0) -> ShardReader:
    return ShardReader(table, DATA, MaskSettings(), seed)


def test_batches_are_cropped_normalised_padded_and_masked_within_the_valid_frames(
    table: pd.DataFrame,
) -> None:
    for shards in make_plan(table, DATA, seed=0).updates(0, 5):
        for shard in shards:
            batch = reader(table)[shard]
            assert batch.waveforms.shape[1] % 320 == 0
            assert batch.num_samples.max() <= 1.5 * 16_000
            assert batch.mask.shape == (len(shard.rows), batch.waveforms.shape[1] // 320)
            for row, length in enumerate(batch.num_samples.tolist()):
                valid = batch.waveforms[row, :length]
                assert not batch.waveforms[row, length:].any()
                assert abs(float(valid.mean())) < 1e-4
                assert float(valid.std(correction=0)) == pytest.approx(1.0, abs=1e-2)
                assert batch.mask[row].any()
                assert not batch.mask[row, num_frames_of(length) :].any()


def test_workers_change_nothing(table: pd.DataFrame) -> None:
    plan = make_plan(table, DATA, seed=0)
    shards = [shard for update in plan.updates(0, 3) for shard in update]
    alone = list(make_loader(reader(table), shards, num_workers=0))
    helped = list(make_loader(reader(table), shards, num_workers=2))
    for one, other in zip(alone, helped, strict=True):
        assert torch.equal(one.waveforms, other.waveforms)
        assert torch.equal(one.mask, other.mask)
        assert one.draws == other.draws


def test_digests_see_a_changed_sample_and_a_changed_mask(table: pd.DataFrame) -> None:
    batch = reader(table)[make_plan(table, DATA, seed=0).update(0)[0]]
    samples, masks = digest_of(batch)
    batch.waveforms[0, 5] += 1e-3
    assert digest_of(batch)[0] != samples
    assert digest_of(batch)[1] == masks
    batch.mask[0, 3] = ~batch.mask[0, 3]
    assert digest_of(batch)[1] != masks


def test_the_mask_of_an_utterance_depends_on_the_update(table: pd.DataFrame) -> None:
    plan = make_plan(table, DATA, seed=0)
    masks = [reader(table)[plan.update(update)[0]].mask.sum().item() for update in range(12)]
    assert len(set(masks)) > 1


def test_normalisation_is_layer_norm_over_the_samples() -> None:
    waveform = np.random.Generator(np.random.Philox(key=3)).normal(0.4, 2.0, 999).astype(np.float32)
    expected = torch.nn.functional.layer_norm(torch.from_numpy(waveform), (999,))
    np.testing.assert_allclose(normalize_waveform(waveform), expected.numpy(), atol=1e-5)


def test_an_encoder_is_trained_on_what_it_is_said_to_hear(table: pd.DataFrame) -> None:
    (shard, *_) = make_plan(table, DATA, seed=0).update(0)
    loudness = []
    for epsilon in (1e-7, 1.0):
        batch = ShardReader(table, DATA, MaskSettings(), 0, epsilon)[shard]
        length = int(batch.num_samples[0])
        loudness.append(float(batch.waveforms[0, :length].var(correction=0)))
    whole = read_waveform(table.iloc[shard.rows[0]])
    start = int(batch.crop_starts[0])
    variance = float(whole[start : start + length].var())
    assert loudness[0] == pytest.approx(1.0, abs=1e-3)
    assert loudness[1] == pytest.approx(variance / (1.0 + variance), rel=1e-4)


def test_a_corpus_of_too_short_utterances_is_refused(table: pd.DataFrame) -> None:
    with pytest.raises(PlanError, match=r"`data\.min_seconds`"):
        usable_utterances(table, DataSettings(min_seconds=4.0))


def test_a_batch_says_where_its_crops_begin(table: pd.DataFrame) -> None:
    """The samples from there on, normalised, are those of the batch; a whole utterance is at 0."""
    begun = 0
    for shard in make_plan(table, DATA, seed=0).update(0):
        batch = reader(table)[shard].to(torch.device("cpu"))
        assert batch.crop_starts.dtype == torch.int64
        for place, row in enumerate(shard.rows):
            start, length = int(batch.crop_starts[place]), int(batch.num_samples[place])
            whole = read_waveform(table.iloc[row])
            crop = normalize_waveform(whole[start : start + length])
            np.testing.assert_array_equal(batch.waveforms[place, :length].numpy(), crop)
            assert start == 0 or len(whole) > DATA.crop_samples
            begun += start > 0
    assert begun
