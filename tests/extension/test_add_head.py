"""To add a probe head: one file and one line of `HEADS`."""

from pathlib import Path

import pytest

from probe.heads.settings import HEADS, HeadEntry, heads_in_words
from probe.whole_table import command_line as table4
from probe.whole_table.plan import make_heads
from tests.extension.tiny_probe import probed, report_page, write_row

CENTROID = '''
"""The nearest class mean of the last layer's features."""

from typing import Annotated

import numpy as np

from pretrain.shared.checked_settings import settings, within
from probe.heads.linear import Evaluation, pool, usable_parts
from probe.heads.settings import ProbeHead
from probe.heads.shown import HeadShown


@settings
class CentroidSettings:
    exponent: Annotated[float, within("[0.5, 4]")] = 2.0
    """Of the distance along one channel."""


def evaluate(source, tasks, parts, settings):
    result, features = Evaluation(), source.features()[:, -1]
    for task in tasks:
        outputs = []
        for part in usable_parts(parts, [task], result):
            means = [
                features[part.train[task.targets[part.train] == code]].mean(0)
                for code in range(len(task.classes))
            ]
            apart = np.abs(features[part.test][:, None] - np.stack(means)) ** settings.exponent
            outputs.append((part, apart.sum(-1).argmin(1).astype(np.float64)))
        pool(source.table, task, outputs, result)
    return result


HEAD = ProbeHead(
    settings_class=CentroidSettings,
    evaluate=evaluate,
    shown=HeadShown(scores_from="from the nearest class mean"),
)
'''


@pytest.mark.slow
def test_a_new_head_is_one_file_and_one_line_up_to_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nearest_centroid.py").write_text(CENTROID)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(HEADS, "centroid", HeadEntry("nearest_centroid", "nearest class mean"))

    row = write_row(tmp_path / "row")
    results = probed(tmp_path, [row], "--head", "centroid", "--set", "centroid.exponent=1")

    assert results.run["inputs"]["head"] == {"name": "centroid", "settings": {"exponent": 1.0}}
    assert set(results.scores["row"]) == {"constant", "log-mel", "untrained", "quantized-g2v2"}
    assert set(results.scores["head"]) == {"centroid"}
    assert results.selection.empty
    assert "centroid head" in report_page(tmp_path)
    assert results.run["head_shown"]["scores_from"] == "from the nearest class mean"

    # Table 4 and the help know it, too, and so do the faults.
    assert "centroid: nearest class mean" in heads_in_words()
    options = ["--head", "centroid", "--head-set", "centroid.exponent=3"]
    parsed = table4.parse(["--corpus", "a=b", "--runs", "r", *options])
    (head,) = make_heads(parsed.head, parsed.head_set)
    assert head.described()["settings"] == {"exponent": 3.0}
    with pytest.raises(ValueError, match=r"`exponent` must be at least 0\.5, but is 0"):
        make_heads(["centroid"], ["centroid.exponent=0"])
