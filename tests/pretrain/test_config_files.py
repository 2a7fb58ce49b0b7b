import dataclasses
from pathlib import Path

import pytest

from pretrain.config_files import SettingsError, SettingsTree, flatten, read_tree, to_toml
from pretrain.settings import DEFAULT_CONFIG, resolve, use_mode
from tests.conftest import PROJECT


def quantized(*overrides: str) -> SettingsTree:
    return read_tree([DEFAULT_CONFIG], ["mode=quantized", *overrides])


def fault_of(*overrides: str) -> str:
    with pytest.raises(SettingsError) as caught:
        resolve(quantized(*overrides))
    return str(caught.value)


def test_later_files_and_overrides_win(tmp_path: Path) -> None:
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text('mode = "quantized"\n[optimizer]\nlr = 1e-3\nbeta1 = 0.5\n')
    second.write_text("optimizer.lr = 2e-3\n[training]\nupdates = 7\n")
    settings = resolve(read_tree([first, second], ["training.updates=9"])).run
    assert (settings.optimizer.lr, settings.optimizer.beta1, settings.training.updates) == (
        2e-3,
        0.5,
        9,
    )


def test_an_unknown_key_is_refused_with_its_place_and_a_suggestion() -> None:
    fault = fault_of("encoder.num_layer=4")
    assert "--set encoder.num_layer=4" in fault
    assert "did you mean `encoder.num_layers`?" in fault


def test_an_unknown_table_is_refused() -> None:
    assert "unknown key `encodr`" in fault_of("encodr.num_layers=4")


def test_an_unknown_key_of_the_objective_is_refused_with_its_table() -> None:
    assert "did you mean `quantized.num_codebooks`?" in fault_of("quantized.num_codebook=2")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("training.updates=many", "`training.updates`: Input should be a valid integer"),
        ("training.updates=1.5", "`training.updates`"),
        ('optimizer.lr="fast"', "`optimizer.lr`: Input should be a valid number"),
        ("training.precision=fp16", "Input should be 'auto', 'bf16' or 'fp32'"),
        ("mask.probability=1.5", "`probability` must be in (0, 1), but is 1.5 instead."),
        ("data.crop_seconds=500", "must not decrease"),
    ],
)
def test_wrong_values_are_named_with_the_remedy(override: str, expected: str) -> None:
    fault = fault_of(override)
    assert expected in fault
    assert f"--set {override}" in fault or "`mask`" in fault or "`data`" in fault


def test_tables_of_other_modes_are_checked_but_left_out() -> None:
    tree = read_tree([DEFAULT_CONFIG], ["mode=quantized"])
    tree.put("continuous.top_k", 2, "size.toml")
    assert "continuous" not in resolve(tree).tree()
    tree.put("continuous.topk", 2, "size.toml")
    with pytest.raises(SettingsError, match=r"did you mean `continuous\.top_k`"):
        resolve(tree)


def test_a_setting_of_another_mode_on_the_command_line_is_refused() -> None:
    assert "has no effect" in fault_of("continuous.top_k=2")


def test_all_faults_are_listed_at_once() -> None:
    fault = fault_of("training.updates=x", "optimizer.lr=y")
    assert "training.updates" in fault
    assert "optimizer.lr" in fault


def test_a_misspelt_mode_names_the_known_ones() -> None:
    tree = read_tree([DEFAULT_CONFIG], [])
    use_mode(tree, "quantised")
    with pytest.raises(SettingsError, match=r"--mode quantised.*continuous, quantized"):
        resolve(tree)


def test_a_mode_that_contradicts_the_file_is_refused() -> None:
    tree = read_tree([PROJECT / "configs/table4/continuous-k1.toml"], [])
    with pytest.raises(SettingsError, match="contradicts"):
        use_mode(tree, "quantized")


def test_broken_toml_names_the_file(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[data\n")
    with pytest.raises(SettingsError, match=r"broken\.toml: not valid TOML"):
        read_tree([broken], [])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml: cannot be read"):
        read_tree([tmp_path / "nowhere.toml"], [])


def test_written_toml_reads_back_equal(tmp_path: Path) -> None:
    before = resolve(quantized('data.corpus="a=\\"b\\\\c d"', "optimizer.lr=3e-05"))
    file = tmp_path / "settings.toml"
    file.write_text(to_toml(before.tree()))
    assert resolve(read_tree([file], [])).tree() == before.tree()


@pytest.mark.parametrize("row", sorted((PROJECT / "configs/table4").glob("*.toml")))
@pytest.mark.parametrize("size", sorted((PROJECT / "configs/size").glob("*.toml")))
def test_every_row_and_size_of_the_project_resolves(row: Path, size: Path) -> None:
    assert resolve(read_tree([size, row], [])).run.name == row.stem


def test_rows_of_table_4_share_everything_but_their_objective() -> None:
    rows = sorted((PROJECT / "configs/table4").glob("*.toml"))
    compared = [resolve(read_tree([DEFAULT_CONFIG, row], [])).compared() for row in rows]
    assert len(rows) == 6
    assert all(one == compared[0] for one in compared)


def test_the_comparison_covers_what_changes_numbers() -> None:
    settings = resolve(quantized())
    flat, compared = flatten(settings.tree()), settings.compared()
    assert {"optimizer.lr", "mask.probability", "training.updates", "data.num_shards"} <= set(
        compared
    )
    assert {"seed", "mode", "data.num_workers", "quantized.num_entries"} <= set(flat) - set(
        compared
    )


def test_settings_cannot_be_changed_after_the_fact() -> None:
    settings = resolve(quantized()).run
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.seed = 3  # type: ignore[misc]
