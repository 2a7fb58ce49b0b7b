"""The registry of corpora: every line leads to a reader, and asking for names loads nothing."""

import subprocess
import sys

import pytest

from pretrain.data.readers.reader import reader_of
from pretrain.data.readers.registry import summary_of
from probe.corpora.registry import READERS, labelled_names
from tests.conftest import PROJECT


@pytest.mark.parametrize("name", READERS)
def test_every_corpus_has_a_reader_and_a_summary(name: str) -> None:
    reader = reader_of(name, READERS)
    assert ("incomplete" in reader.options) == (name in labelled_names())
    assert len(summary_of(READERS[name])) > 20


def test_the_summary_is_the_first_line_of_the_reader() -> None:
    assert summary_of(READERS["cremad"]).startswith("CREMA-D: 91 actors, twelve English sentences")


def test_names_and_summaries_are_there_without_pandas() -> None:
    code = (
        "import sys; from probe.corpora.registry import READERS, corpus_help;"
        "from pretrain.data.readers.registry import summary_of;"
        "assert 'emodb=PATH' in corpus_help(); list(map(summary_of, READERS.values()));"
        "assert not {'pandas', 'numpy', 'torch'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
