"""Groups of a test set: their videos, their figures, and the gap between them."""

from __future__ import annotations

import numpy as np
import pytest

from emotion.errors import InputError
from emotion.evaluate.evaluation import evaluate_outcomes
from emotion.evaluate.outcome import Outcome
from emotion.evaluate.slices import MAX_GROUPS, group_names, slice_by

LABELS = ("up", "down")


def videos(*rows: tuple[str, str, str, str | None], column: str = "tone") -> list[Outcome]:
    """Return outcomes of rows of subject, value, label and prediction."""
    return [
        Outcome(f"{n}.mp4", subject, label, said, facts={column: value} if value else {})
        for n, (subject, value, label, said) in enumerate(rows)
    ]


@pytest.mark.parametrize(
    "values, expected",
    [
        (["I", "II", "I", ""], ["I", "II", "I", "not given"]),
        (["3", "1", "2", "1"], ["3", "1", "2", "1"]),
        (["30000/1001", "25", "x", "25"], ["30000/1001", "25", "x", "25"]),
        (
            ["1", "2", "3", "4", "5", "6", "7", "8", ""],
            ["1 to 2"] * 2 + ["3 to 4"] * 2 + ["5 to 6"] * 2 + ["7 to 8"] * 2 + ["not given"],
        ),
        (["0"] * 7 + ["1", "2", "3", "4"], ["0 to 1"] * 8 + ["2 to 4"] * 3),
        (
            ["24"] * 4 + ["25"] * 4 + ["30"] * 4 + ["50", "50", "60", "60"],
            ["24"] * 4 + ["25"] * 4 + ["30"] * 4 + ["50 to 60"] * 4,
        ),
    ],
    ids=["text", "few numbers", "text and numbers", "quarters", "many alike", "rates"],
)
def test_parts(values: list[str], expected: list[str]) -> None:
    rows = videos(*[("s", value, "up", "up") for value in values])
    assert [name for _, name in group_names(rows, "tone")] == expected


def test_numbers_are_in_order_of_size_and_rare_values_are_put_together() -> None:
    few = slice_by(
        videos(*[("s", v, "up", "up") for v in ("100", "9", "25")]), "tone", labels=LABELS
    )
    assert [group.name for group in few.groups] == ["9", "25", "100"]
    values = [f"v{n:02d}" for n in range(30)] + ["v00"]
    many = slice_by(videos(*[("s", v, "up", "up") for v in values]), "tone", labels=LABELS)
    assert len(many.groups) == MAX_GROUPS and many.groups[-1].name == "others"
    assert many.groups[-1].n_videos == 11 and not many.groups[-1].in_gap
    assert many.groups[0].n_videos == 2


def test_figures_and_gap_by_hand() -> None:
    """Group I: 2 of 2 right; II: 1 of 3, recalls 1/2 and 0; "not given": none, not in the gap."""
    rows = videos(
        ("a", "I", "up", "up"),
        ("b", "I", "down", "down"),
        ("a", "II", "up", "up"),
        ("b", "II", "up", None),
        ("c", "II", "down", "up"),
        ("c", "", "up", "down"),
    )
    found = slice_by(rows, "tone", labels=LABELS)
    one, two, none = found.groups
    assert (one.figures["war"], one.figures["uar"]) == (1.0, 1.0)
    assert (two.figures["war"], two.figures["uar"]) == pytest.approx((1 / 3, 1 / 4))
    assert two.figures["coverage"] == pytest.approx(2 / 3) and two.figures["ece"] is None
    assert (two.n_videos, two.n_subjects, none.name) == (3, 3, "not given")
    assert found.gap["war"] == pytest.approx(2 / 3) and found.gap["uar"] == pytest.approx(3 / 4)
    assert "ece" not in found.gap
    assert (found.smallest, found.smallest_videos, found.smallest_subjects) == ("not given", 1, 1)
    low, high = found.gap_interval["war"]
    assert 0 <= low < 2 / 3 < high <= 1


def test_one_part_is_the_evaluation() -> None:
    rng = np.random.default_rng(2)
    rows = videos(
        *[
            (f"s{n % 7}", "I", LABELS[rng.integers(2)], (*LABELS, None)[rng.integers(3)])
            for n in range(60)
        ]
    )
    found = slice_by(rows, "tone", labels=LABELS, num_resamples=200)
    whole = evaluate_outcomes(rows, labels=LABELS, num_resamples=200)
    (one,) = found.groups
    assert one.figures["uar"] == pytest.approx(whole.figures["uar"].value)
    assert one.figures["weighted_f1"] == pytest.approx(whole.figures["weighted_f1"].value)
    assert one.intervals["uar"] == whole.figures["uar"].interval
    assert found.gap == {} and found.gap_interval == {}


def test_a_planted_gap_is_found_and_an_absent_one_is_not() -> None:
    """Draw 200 subjects with 4 videos each; dark ones are right 60% of the time, light ones 90%."""
    rng = np.random.default_rng(0)
    rows = []
    for n in range(800):
        tone, cloth = ("dark", "light")[n // 4 % 2], ("red", "blue")[n // 8 % 2]
        right = rng.random() < (0.9 if tone == "light" else 0.6)
        facts = {"tone": tone, "cloth": cloth}
        rows.append(Outcome(f"{n}", f"s{n // 4}", "up", "up" if right else "down", facts=facts))
    by_tone = slice_by(rows, "tone", labels=LABELS)
    assert by_tone.gap["war"] == pytest.approx(0.3, abs=0.06)
    assert by_tone.gap_interval["war"][0] > 0.2 > by_tone.gap_by_chance["war"] > 0
    by_cloth = slice_by(rows, "cloth", labels=LABELS)
    assert by_cloth.gap["war"] < by_cloth.gap_by_chance["war"] < 0.1


def test_chance_deals_out_whole_subjects() -> None:
    """Two are always right, two always wrong: a third of the shuffles have a gap of 1."""
    rows = videos(
        *[(name, tone, "up", "up") for name, tone in (("a", "I"), ("b", "II")) for _ in range(9)],
        *[(name, tone, "up", "down") for name, tone in (("c", "I"), ("d", "II")) for _ in range(9)],
    )
    found = slice_by(rows, "tone", labels=LABELS)
    assert found.gap["war"] == 0.0 and found.gap_by_chance["war"] == 1.0
    turned = [
        Outcome(o.uri, o.subject_id, o.label, o.predicted, facts={"tone": tone})
        for o, tone in zip(rows, ["I", "II"] * 18, strict=True)
    ]
    assert slice_by(turned, "tone", labels=LABELS).gap_by_chance["war"] < 0.5


def test_a_part_of_one_subject_has_no_interval() -> None:
    rows = videos(("a", "I", "up", "up"), ("b", "I", "up", "down"), ("c", "II", "up", "up"))
    two, one = slice_by(rows, "tone", labels=LABELS).groups
    assert two.intervals["war"] == (0.0, 1.0) and one.intervals == {}


def test_one_subject_has_no_interval() -> None:
    found = slice_by(
        videos(("a", "I", "up", "up"), ("a", "II", "up", "down")), "tone", labels=LABELS
    )
    assert found.gap["war"] == 1.0 and found.gap_interval == {}
    assert all(group.intervals == {} for group in found.groups)


def test_a_missing_column_names_those_there_are() -> None:
    rows = videos(("a", "I", "up", "up"), column="skin_tone")
    with pytest.raises(
        InputError, match="--slice-by tone: there is no such column; there are: skin"
    ):
        slice_by(rows, "tone", labels=LABELS)
