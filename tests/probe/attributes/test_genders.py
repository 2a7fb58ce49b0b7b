"""Who is a woman and who is a man, where corpora say it."""

from pathlib import Path

import pandas as pd
import pytest

from pretrain.data.synthetic.speakers import speakers_of
from probe.attributes.evaluate import find_genders
from probe.corpora import emodb, iemocap, ravdess


def speakers(*names: str) -> pd.DataFrame:
    return pd.DataFrame({"speaker": list(names)})


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_published_lists_agree_with_what_the_readers_say() -> None:
    # EmoDB's sessions are pairs of a man and a woman.
    pairs: dict[str, set[str]] = {}
    for speaker, session in emodb.SESSIONS.items():
        pairs.setdefault(session, set()).add(emodb.GENDERS.by_speaker[speaker])
    assert all(pair == {"female", "male"} for pair in pairs.values())
    actors, speakers = ravdess.GENDERS.by_speaker, iemocap.GENDERS.by_speaker
    assert (actors["01"], actors["24"]) == ("male", "female")
    assert (speakers["1F"], speakers["5M"]) == ("female", "male")
    assert (len(actors), len(speakers)) == (24, 10)


def test_genders_come_from_the_corpus_that_the_spec_names() -> None:
    found = find_genders(speakers("03", "08", "03", ""), "emodb:norms=/data/emodb")
    assert found.by_speaker == {"03": "male", "08": "female"}
    assert find_genders(speakers("DC"), "savee=/x").by_speaker == {"DC": "male"}
    voice = speakers_of("probe")[0]
    assert find_genders(speakers(voice.name), "synthetic:hours=1").by_speaker == {
        voice.name: voice.gender
    }


def test_cremad_says_it_in_its_demographics_file(tmp_path: Path) -> None:
    (tmp_path / "AudioWAV").mkdir()
    write(tmp_path / "VideoDemographics.csv", "ActorID,Age,Sex", "1001,51,Male", "1002,21,Female")
    for place in (tmp_path, tmp_path / "AudioWAV"):
        found = find_genders(speakers("1001", "1002", "1003"), f"cremad={place}")
        assert found.by_speaker == {"1001": "male", "1002": "female"}
    assert find_genders(speakers("1001"), "cremad=/nowhere").source == ""


def test_a_manifest_says_it_in_a_column(tmp_path: Path) -> None:
    rows = ("a.wav,s1,F", "b.wav,s1,", "c.wav,s2, man", "d.wav,s3,unknown", "e.wav,,male")
    manifest = write(tmp_path / "manifest.csv", "path,speaker,gender", *rows)
    for spec in (f"mine={manifest}", f"mine:norms={tmp_path}", f"emodb={manifest}"):
        found = find_genders(speakers("s1", "s2", "s3", ""), spec)
        assert found.by_speaker == {"s1": "female", "s2": "male"}
    write(manifest, "file,Who,Sex", "a.wav,J\u0075\u0308rgen,m")
    spec = f"mine[gender=Sex,path=file,speaker=Who]={manifest}"
    assert find_genders(speakers("J\u00fcrgen"), spec).by_speaker == {"J\u00fcrgen": "male"}
    write(manifest, "path,speaker", "a.wav,s1")
    assert find_genders(speakers("s1"), f"mine={manifest}").source == ""


def test_a_speaker_of_two_genders_is_refused(tmp_path: Path) -> None:
    rows = ("path,speaker,gender", "a.wav,s1,female", "b.wav,s1,male")
    manifest = write(tmp_path / "manifest.csv", *rows)
    with pytest.raises(ValueError, match=r"same in all rows of a speaker, but 's1'"):
        find_genders(speakers("s1"), f"mine={manifest}")
