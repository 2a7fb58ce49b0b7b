import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from pretrain.config.files import SettingsError, SettingsTree, flatten, read_tree, to_toml
from pretrain.config.settings import DEFAULT_CONFIG, resolve, use_mode
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


def two_files(tmp_path: Path) -> list[Path]:
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text(
        'mode = "quantized"\n[encoder]\nnum_layers = 2\nmodel_dim = 32\n[training]\nupdates = 9\n'
        "[data]\nnum_workers = 0\n[quantized]\nnum_entries = 8\n"
    )
    second.write_text("[encoder]\ndropout = 0.1\n[data]\nmin_seconds = 0.5\n")
    return [first, second]


@pytest.mark.parametrize(
    ("of_second", "overrides", "place"),
    [
        ("seed = -1", [], "second.toml: `seed` must be in"),
        ("", ["seed=-1"], "--set seed=-1: `seed` must be in"),
        ("data.num_shards = 0", [], "second.toml: in `data`: `num_shards` must be at least 1"),
        ("encoder.norm_order = 'x'", [], "second.toml: in `encoder`: `norm_order` must be"),
        ("quantized.code_dim = 0", [], "second.toml: in `quantized`: `code_dim` must be"),
        ("", ["training.update=60"], "--set training.update=60: unknown key `training.update`"),
        ("[nowhere]", [], "second.toml: unknown key `nowhere`"),
        ("data.crop_seconds = 99.0", [], "second.toml: in `data`: `min_seconds` (at least"),
        ("", ["optimizer=3"], "--set optimizer=3: `optimizer`: must be a table of settings"),
    ],
)
def test_a_fault_names_the_place_where_its_key_was_set(
    of_second: str, overrides: list[str], place: str, tmp_path: Path
) -> None:
    first, second = two_files(tmp_path)
    second.write_text(f"{of_second}\n")
    if not of_second.startswith("["):
        second.write_text(f"{of_second}\n[training]\nlog_every = 1\n")
    with pytest.raises(SettingsError) as caught:
        resolve(read_tree([first, second], overrides))
    said = str(caught.value)
    assert place in said
    assert said.startswith((f"{second}: ", "--set "))
    assert "first.toml" not in said


def test_a_fault_of_several_keys_names_the_place_of_each(tmp_path: Path) -> None:
    first, second = two_files(tmp_path)
    second.write_text("[encoder]\nnum_heads = 5\n")
    with pytest.raises(SettingsError) as caught:
        resolve(read_tree([first, second], []))
    said = str(caught.value)
    assert f"{first} (`encoder.model_dim`), {second} (`encoder.num_heads`): in `encoder`: " in said


def test_a_fault_inside_a_list_names_who_set_the_list(tmp_path: Path) -> None:
    from mfsn.search.settings import read_settings

    with pytest.raises(SettingsError) as caught:
        read_settings([], ["head.channels=[1, 2, 0, 4, 5]"])
    assert str(caught.value).startswith(
        "--set head.channels=[1, 2, 0, 4, 5]: in `head`: `channels`"
    )


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("optimizer.lr=0x10", "`optimizer.lr` must be written as a decimal number"),
        ("optimizer={lr = 0b11}", "`optimizer.lr` must be written as a decimal number"),
        ("optimizer.lr=1e-3\nencoder.num_layers=9", "must be one key and one value on one line"),
        ("name=a\rb", "must be one key and one value on one line"),
        ('name="a\\nb"', "`name` must be at most 100 printable characters without /"),
        ("name=../../escaped", "`name` must be at most 100 printable characters without /"),
        ("optimizer..lr=1", "the key must be names"),
        ('optimizer."lr"=1', "the key must be names"),
        ("optimizer.lr=nan", "`optimizer.lr`: Input should be a finite number"),
        ("optimizer.lr=1e999", "`optimizer.lr`: Input should be a finite number"),
        ("optimizer.lr=true", "`optimizer.lr`: Input should be a valid number, but is True"),
        ("optimizer.lr=2026-01-01", "`optimizer.lr`: Input should be a valid number"),
        ("optimizer.lr=", "`optimizer.lr`: Input should be a valid number, but is ''"),
        ("optimizer.lr=[1.0]", "`optimizer.lr`: Input should be a valid number, but is [1.0]"),
        ("training.updates=" + "[" * 5000, "nested deeper than 64 levels"),
        ("mode=[1]", "`mode` must be one of"),
    ],
)
def test_what_is_not_one_plain_value_is_refused(override: str, expected: str) -> None:
    assert expected in fault_of(override)


def test_a_quantity_in_another_base_in_a_file_is_refused_and_a_seed_is_not(tmp_path: Path) -> None:
    file = tmp_path / "hex.toml"
    file.write_text('mode = "quantized"\nname = "0x1"  # 0x2\nseed = 0xFF\noptimizer.lr = 0o7\n')
    with pytest.raises(SettingsError, match=r"hex.toml: `optimizer.lr` must be written") as caught:
        resolve(read_tree([file], []))
    assert "seed" not in str(caught.value)
    assert resolve(read_tree([file], ["optimizer.lr=1_0e-4"])).run.seed == 255


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("encoder.model_dim=1000000000", "`model_dim` must be at most 65536, but is 1000000000"),
        ("encoder.num_layers=10000000", "`num_layers` must be at most 1000, but is 10000000"),
        ("encoder.position_groups=0", "`position_groups` must be at least 1, but is 0"),
        ("data.crop_seconds=1e300", "`crop_seconds` must be at most 3600, but is 1e+300"),
        ("quantized.num_negatives=1000000000", "`num_negatives` must be at most 10000"),
    ],
)
def test_absurd_sizes_are_refused_by_their_bounds(override: str, expected: str) -> None:
    assert expected in fault_of(override)


def test_an_encoder_that_no_machine_holds_is_refused_though_each_size_may_be() -> None:
    said = fault_of("encoder.model_dim=65536", "encoder.num_layers=1000")
    assert "must have at most 10,000,000,000 parameters" in said
    assert said.startswith("--set encoder.num_layers=1000 (`encoder.num_layers`), --set")


NUMBERS = (int, float)


def settings_classes(cls: Any) -> Iterator[Any]:
    yield cls
    for kind in get_type_hints(cls).values():
        if dataclasses.is_dataclass(kind):
            yield from settings_classes(kind)


def test_every_number_of_every_settings_class_has_bounds() -> None:
    from mfsn.search.settings import MfsnSettings
    from pretrain.config.finetune import FinetuneSettings
    from pretrain.config.settings import PretrainSettings
    from pretrain.data.synthetic.plan import SyntheticSettings
    from pretrain.objectives import OBJECTIVES, objective_kind
    from probe.heads.settings import HEADS, make_head

    objectives = [objective_kind(name).settings_class for name in OBJECTIVES]
    others = [*objectives, *(make_head(name).kind.settings_class for name in HEADS)]
    roots = (PretrainSettings, FinetuneSettings, MfsnSettings, SyntheticSettings, *others)
    needed = {"mode": "quantized", "encoder": "a"}
    checked = 0
    for cls in (cls for root in roots for cls in settings_classes(root)):
        required = {
            field.name: needed[field.name]
            for field in dataclasses.fields(cls)
            if field.default is field.default_factory is dataclasses.MISSING
        }
        for name, kind in get_type_hints(cls).items():
            for value in (10**300, -(10**300)) if kind in NUMBERS else ():
                with pytest.raises(ValueError, match=f"`{name}` must be"):
                    cls(**required, **{name: kind(value)})
                checked += 1
    assert checked > 150


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
    with pytest.raises(
        SettingsError, match=r"--mode quantised.*continuous, frames, online_codes, quantized"
    ):
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
