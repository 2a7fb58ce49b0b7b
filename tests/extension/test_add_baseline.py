"""To add a baseline without learning: one file and one line of `ACOUSTIC`."""

from pathlib import Path

import pytest

from probe.features.acoustic import ACOUSTIC, AcousticEntry, acoustic_in_words
from probe.whole_table import command_line as table4
from tests.extension.tiny_probe import probed, report_page, write_row

CROSSINGS = '''
"""How often the waveform changes its sign, and how loud it is."""

import torch


class Crossings:
    key = "crossings-1"

    def __init__(self, name):
        self.name = name

    def prepare(self, waveform):
        return waveform

    def __call__(self, waveforms, num_samples):
        sounds = zip(waveforms, num_samples.tolist(), strict=True)
        return torch.stack([self.statistics(sound[:end]) for sound, end in sounds])[:, None]

    def statistics(self, sound):
        """(S,) -> (2,)"""
        rate = (sound[1:] * sound[:-1] < 0).float().mean()
        return torch.stack([rate, sound.square().mean().sqrt()])


def make_source(name):
    return Crossings(name)
'''


def test_a_new_baseline_is_one_file_and_one_line_up_to_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sign_changes.py").write_text(CROSSINGS)
    monkeypatch.syspath_prepend(tmp_path)
    entry = AcousticEntry("sign_changes", "zero crossings and loudness")
    monkeypatch.setitem(ACOUSTIC, "crossings", entry)

    row = write_row(tmp_path / "row")
    options = ["--baseline", "crossings", "mfcc"]
    for head in ("svm", "linear"):
        results = probed(tmp_path, [row], "--head", head, *options)
        assert set(results.scores["row"]) == {
            "constant", "log-mel", "crossings", "mfcc", "untrained", "quantized-g2v2",
        }  # fmt: skip
        assert results.run["inputs"]["acoustic"][0] == ["crossings", "crossings-1"]
        (described,) = [one for one in results.run["rows"] if one["name"] == "crossings"]
        assert described["group"] == "baseline"
        page = report_page(tmp_path)
        assert "Each row against crossings statistics" in page
        assert "Each row against log-mel statistics" in page
    kept = [path.name for path in (tmp_path / "features").glob("crossings-1-*.safetensors")]
    assert len(kept) == 1, "both heads have one computing"

    # Results without it are others, and are not taken for those with it.
    assert "acoustic" not in probed(tmp_path, [row]).run["inputs"]

    # Table 4 and the help know it, too.
    assert "crossings: zero crossings and loudness" in acoustic_in_words()
    parsed = table4.parse(["--corpus", "a=b", "--runs", "r", *options])
    assert parsed.baseline == ["crossings", "mfcc"]
