"""Any name makes one file, and another name another one."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pretrain.shared.paths import file_name


@given(st.text(min_size=1, alphabet=st.characters(codec="utf-8")))
def test_any_name_makes_one_visible_file(name: str) -> None:
    made = file_name(name)
    assert Path("folder", made).parent == Path("folder")
    assert Path(made).name == made
    assert "." not in made


@given(st.text(min_size=1, max_size=3, alphabet="a./%2E"), st.text(max_size=3, alphabet="a./%2E"))
def test_other_names_make_other_files(one: str, other: str) -> None:
    assert (file_name(one) == file_name(other)) == (one == other)
