from pretrain.shared.random_streams import Draws, generator

GOLDEN = [261456, 613138, 390169, 916682]


def test_equal_keys_draw_equal_numbers() -> None:
    one = Draws(seed=1, update=2, slot=3, utterance_id="a").generator("mask").random(5)
    other = Draws(seed=1, update=2, slot=3, utterance_id="a").generator("mask").random(5)
    assert (one == other).all()


def test_every_part_of_the_key_changes_the_numbers() -> None:
    base = {"seed": 1, "update": 2, "slot": 3, "utterance_id": "a"}
    variants = [base, *({**base, name: 9} for name in ("seed", "update", "slot"))]
    variants.append({**base, "utterance_id": "b"})
    firsts = {
        Draws(**variant).generator(purpose).random()  # type: ignore[arg-type]
        for variant in variants
        for purpose in ("mask", "crop")
    }
    assert len(firsts) == 10


def test_keys_of_different_types_or_splits_do_not_meet() -> None:
    values = [generator(1, 23), generator(12, 3), generator("1", 23), generator("123")]
    assert len({rng.random() for rng in values}) == 4


def test_the_stream_is_the_same_in_every_version() -> None:
    assert generator(0, "golden").integers(1_000_000, size=4).tolist() == GOLDEN
