"""Split of a subject: stable, by name alone, in the given shares."""

from collections import Counter

import pytest

from emotion.splits import assign_split


def test_is_the_same_for_ever() -> None:
    # Computed once with sha256sum: a change would move people between train and test.
    result = [assign_split(f"s{k:03d}") for k in range(10)]
    assert result == (
        ["test", "train", "val", "train", "train", "train", "train", "val", "train", "train"]
    )


def test_shares_over_many_subjects() -> None:
    result = Counter(assign_split(f"person {k}") for k in range(10_000))
    assert result["train"] == pytest.approx(7000, abs=150)
    assert result["val"] == pytest.approx(1500, abs=120)


@pytest.mark.parametrize(
    "train, val, expected", [(1, 0, "train"), (0, 1, "val"), (0, 0, "test")], ids=str
)
def test_all_in_one_split(train: float, val: float, expected: str) -> None:
    assert {assign_split(str(k), train=train, val=val) for k in range(100)} == {expected}


def test_another_seed_is_another_assignment() -> None:
    names = [str(k) for k in range(200)]
    assert [assign_split(n) for n in names] != [assign_split(n, seed=1) for n in names]


@pytest.mark.parametrize(
    "subject, train, val", [("", 0.7, 0.15), ("a", 0.9, 0.2), ("a", -0.1, 0.2)], ids=str
)
def test_refuses(subject: str, train: float, val: float) -> None:
    with pytest.raises(ValueError):
        assign_split(subject, train=train, val=val)
