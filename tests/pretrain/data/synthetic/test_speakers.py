import pytest

from pretrain.data.synthetic.speakers import all_speakers, speakers_of


def test_parts_share_no_voice() -> None:
    variants = [speaker.voice.split("+")[1] for speaker in all_speakers()]
    assert len(set(variants)) == len(variants)
    names = [{speaker.name for speaker in speakers_of(part)} for part in ("pretrain", "probe")]
    assert not names[0] & names[1]


def test_the_probe_part_has_five_sessions_of_a_woman_and_a_man() -> None:
    speakers = speakers_of("probe")
    assert len(speakers) == 10
    sessions: dict[str, list[str]] = {}
    for speaker in speakers:
        sessions.setdefault(speaker.session, []).append(speaker.gender)
    assert list(sessions.values()) == [["female", "male"]] * 5


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(ValueError, match="`part` must be 'pretrain' or 'probe', but is 'test'"):
        speakers_of("test")
