"""Genotypes: the file, what is refused, and how many there are."""

import json
from pathlib import Path

import pytest

from mfsn.model.genotype import Genotype, GenotypeError, all_structures

GENOTYPE = Genotype(level=1, layer=6, operations=("attention_reverse", "sum"))


def test_a_saved_genotype_is_read_back_equal(tmp_path: Path) -> None:
    path = tmp_path / "genotype.json"
    GENOTYPE.save(path)
    assert Genotype.load(path) == GENOTYPE
    assert Genotype.from_json(GENOTYPE.to_json()) == GENOTYPE
    assert [file.name for file in tmp_path.iterdir()] == ["genotype.json"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 2),
        ("level", 3),
        ("level", "early"),
        ("level", True),
        ("layer", -2),
        ("layer", 1.5),
        ("operations", []),
        ("operations", "sum"),
        ("operations", ["sum", "product"]),
        ("operations", [["sum"]]),
    ],
)
def test_a_wrong_value_is_refused_by_file_and_key(key: str, value: object, tmp_path: Path) -> None:
    path = tmp_path / "genotype.json"
    path.write_text(json.dumps(json.loads(GENOTYPE.to_json()) | {key: value}), encoding="utf-8")
    with pytest.raises(GenotypeError) as caught:
        Genotype.load(path)
    assert str(path) in str(caught.value)
    assert f"`{key}`" in str(caught.value)


@pytest.mark.parametrize("key", ["format", "level", "layer", "operations"])
def test_a_missing_key_is_named(key: str) -> None:
    values = json.loads(GENOTYPE.to_json())
    del values[key]
    with pytest.raises(GenotypeError, match=f"`{key}`"):
        Genotype.from_json(json.dumps(values))


def test_an_unknown_key_is_named() -> None:
    values = json.loads(GENOTYPE.to_json()) | {"lewel": 1}
    with pytest.raises(GenotypeError, match="unknown key `lewel`"):
        Genotype.from_json(json.dumps(values))


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe"])
def test_a_damaged_file_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "genotype.json"
    path.write_bytes(content)
    with pytest.raises(GenotypeError, match=r"genotype\.json"):
        Genotype.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(GenotypeError, match=r"nothing\.json"):
        Genotype.load(tmp_path / "nothing.json")


@pytest.mark.parametrize(("num_cells", "count"), [(1, 24), (2, 192), (3, 1536)])
def test_m_cells_give_three_times_eight_to_the_m_structures(num_cells: int, count: int) -> None:
    structures = all_structures(num_cells, layers=(1, 6, 12))
    assert len(set(structures)) == len(structures) == count
    assert {(structure.level, structure.layer) for structure in structures} == {
        (0, 1),
        (1, 6),
        (2, 12),
    }
    assert {len(structure.operations) for structure in structures} == {num_cells}


def test_the_drawing_shows_who_asks_whom() -> None:
    assert GENOTYPE.draw().splitlines() == [
        "T0 = TEC, last layer",
        "y  = SEC, middle level (layer 6), detached",
        "T1 = attention(y, T0)",
        "T2 = T1 + y",
        "head(T2, SEC, last layer)",
    ]


def test_a_space_that_nobody_can_search_through_is_refused_before_it_is_listed() -> None:
    assert len(all_structures(num_cells=2)) == 192
    with pytest.raises(ValueError, match="but 6 cells make 786,432 instead"):
        all_structures(num_cells=6)


def test_a_hundred_thousand_operations_are_refused_before_a_network_is_built() -> None:
    with pytest.raises(GenotypeError, match="at most 16 operations, but names 100000 instead"):
        Genotype(level=0, operations=("sum",) * 100_000)
