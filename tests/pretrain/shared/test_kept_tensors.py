"""Tensors on disk are made once, go on after an interruption, and are never taken for others."""

from pathlib import Path

import pytest
import torch
from safetensors.numpy import save_file

from pretrain.shared.kept_tensors import Parts, TensorFile, Tensors

VALUES = torch.arange(6.0).reshape(3, 2)


def never() -> Tensors:
    raise AssertionError("it is there already")


@pytest.mark.parametrize("is_mapped", [False, True])
def test_what_was_made_once_is_read_by_all_others(tmp_path: Path, is_mapped: bool) -> None:
    file = TensorFile(path=tmp_path / "x.safetensors", of="a", is_mapped=is_mapped)
    made = file.read_or_make(lambda: {"x": VALUES, "bits": torch.tensor([True])}, waiting="")
    again = file.read_or_make(never, waiting="")
    assert {name: t.tolist() for name, t in made.items()} == {
        name: t.tolist() for name, t in again.items()
    }
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"], "no lock stays"


def test_other_content_other_names_and_what_does_not_fit_count_as_absent(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    TensorFile(path=path, of="a").write({"x": VALUES})
    assert TensorFile(path=path, of="b").read() is None
    assert TensorFile(path=path, names=["y"]).read() is None
    assert TensorFile(path=path, fits=lambda kept: len(kept["x"]) == 4).read() is None
    assert TensorFile(path=path, of="a", names=["x"]).read() is not None


@pytest.mark.parametrize("is_mapped", [False, True])
def test_a_cut_file_counts_as_absent_and_so_does_a_changed_bit_of_one_read_whole(
    tmp_path: Path, is_mapped: bool
) -> None:
    file = TensorFile(path=tmp_path / "x.safetensors", is_mapped=is_mapped)
    file.write({"x": VALUES})
    content = file.path.read_bytes()
    for cut in (b"", content[:20], content[:-1]):
        file.path.write_bytes(cut)
        assert file.read() is None
    file.path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert (file.read() is None) == (not is_mapped)


def test_files_without_a_digest_and_a_name_of_their_content_are_still_read(tmp_path: Path) -> None:
    file = TensorFile(path=tmp_path / "x.safetensors", names=["x"])
    save_file({"x": VALUES.numpy()}, file.path)
    kept = file.read()
    assert kept is not None
    assert torch.equal(kept["x"], VALUES)


def test_rows_are_kept_on_an_interruption_and_the_next_call_goes_on_behind_them(
    tmp_path: Path,
) -> None:
    file = TensorFile(path=tmp_path / "x.safetensors", of="a")
    computed: list[int] = []

    def make(most: int) -> Tensors:
        with Parts(file, 3) as parts:
            for row in range(parts.num_done, 3):
                if len(computed) == most:
                    raise KeyboardInterrupt
                computed.append(row)
                parts.add({"x": VALUES[row : row + 1]})
        return parts.rows

    with pytest.raises(KeyboardInterrupt):
        file.read_or_make(lambda: make(2), waiting="")
    assert [path.name for path in file.parts.iterdir()] == ["00000000.safetensors"]
    # Parts of other content are not taken up.
    assert Parts(TensorFile(path=file.path, of="b"), 3).num_done == 0
    assert torch.equal(file.read_or_make(lambda: make(9), waiting="")["x"], VALUES)
    assert computed == [0, 1, 2]
    assert not file.parts.exists()


def test_numbers_of_two_types_are_kept_in_the_wider_one(tmp_path: Path) -> None:
    parts = Parts(TensorFile(path=tmp_path / "x.safetensors"), 2)
    parts.add({"x": torch.ones(1, 2).half()})
    parts.add({"x": torch.tensor([[1.0, -70_000.0]])})
    assert parts.rows["x"].tolist() == [[1, 1], [1, -70_000]]


def test_what_cannot_be_made_leaves_no_lock(tmp_path: Path) -> None:
    file = TensorFile(path=tmp_path / "x.safetensors")

    def fail() -> Tensors:
        raise ValueError("no sound")

    with pytest.raises(ValueError, match="no sound"):
        file.read_or_make(fail, waiting="")
    assert list(tmp_path.iterdir()) == []
