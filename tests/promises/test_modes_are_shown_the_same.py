"""All rows start from the same weights and see the same samples and masks."""

import json
from copy import deepcopy
from pathlib import Path

import pytest

from pretrain.config.files import SettingsTree
from pretrain.config.settings import resolve
from pretrain.engine.pretrain_run import pretrain
from tests.conftest import PROJECT


@pytest.fixture
def descriptions(tiny_tree: SettingsTree, tmp_path: Path) -> dict[str, dict[str, dict[str, str]]]:
    found = {}
    for row in ("quantized-g2v2", "quantized-g4v8", "continuous-k1", "continuous-k4"):
        tree = deepcopy(tiny_tree)
        tree.add_file(PROJECT / "configs" / "table4" / f"{row}.toml")
        tree.put("training.updates", 3, "test")
        assert pretrain(resolve(tree), tmp_path / row, resume=True)
        found[row] = json.loads((tmp_path / row / "run.json").read_text())
    return found


@pytest.mark.slow
def test_weights_samples_masks_and_settings_are_equal_and_results_are_not(
    descriptions: dict[str, dict[str, dict[str, str]]],
) -> None:
    for name in ("initial_weights", "corpus", "sample_order", "masks", "comparison"):
        assert len({d["hashes"][name] for d in descriptions.values()}) == 1, name
    for name in ("final_weights", "settings"):
        assert len({d["hashes"][name] for d in descriptions.values()}) == 4, name
