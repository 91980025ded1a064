"""The pages: their text, escaping of text, and no links to other files."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pyarrow as pa
import pytest

from emotion import storage
from emotion.evaluate.evaluation import evaluate_outcomes
from emotion.evaluate.outcome import Outcome
from emotion.package.trust import Trust, TrustNote
from emotion.predict.drift import Profile, compare
from emotion.report.charts import histogram
from emotion.report.evaluation import evaluation_report
from emotion.report.plots import confusion_plot
from emotion.report.scores import scores_page, scores_report
from emotion.report.validation import validation_report
from schemas.scores import PEOPLE, scored_videos_schema
from schemas.tables import REJECTS, rows_table
from tests.helpers.pages import parsed
from tests.helpers.tiny_dataset import LABELS


def scored(*rows: dict[str, object]) -> pa.Table:
    schema = scored_videos_schema(LABELS)
    return rows_table([dict.fromkeys(schema.names) | row for row in rows], schema)


ANSWER: dict[str, object] = {
    "duration_s": 90.0,
    "num_clips": 3,
    "num_tracks": 1,
    "num_identities": 2,
    "coverage": 0.5,
    "confidence": 0.8,
}


def test_a_scores_page_separates_labels_from_failures() -> None:
    videos = scored(
        ANSWER | {"uri": "b.mp4", "label": "happy"},
        ANSWER | {"uri": "a&<b>.mp4", "label": "happy"},
        {"uri": "c.mp4", "reason": "no_face", "num_clips": 0, "duration_s": 1.0},
    )
    broken: dict[str, object] = dict.fromkeys(REJECTS.names)
    broken |= {"uri": "d.mp4", "reason": "truncated", "detail": "stopped at 1 s"}
    rejects = rows_table([broken], REJECTS)
    html = scores_page(videos, rejects=rejects, labels=LABELS, facts={"model_id": "m1"}, title="x")
    page = parsed(html)
    assert (
        "4 videos 2 with a label 0 of them uncertain 2 without a label 6 clips scored 4 people, "
        "counted in each video 3:01 min" in page.text
    )
    assert "neutral 0 · 0.0% happy 2 · 100.0%" in page.text
    assert "c.mp4 no_face d.mp4 truncated stopped at 1 s" in page.text
    assert "a&<b>.mp4 happy 80.0% 50.0% 3 1 1:30 min b.mp4 happy" in page.text
    assert "a&amp;&lt;b&gt;.mp4" in html
    assert "model_id m1" in page.text


def test_a_scores_page_counts_uncertain_answers_beside_the_labels() -> None:
    videos = scored(
        ANSWER | {"uri": "a/1.mp4", "label": "happy", "is_uncertain": False},
        ANSWER | {"uri": "a/2.mp4", "label": "happy", "is_uncertain": True},
        ANSWER | {"uri": "b/3.mp4", "label": "neutral", "is_uncertain": True},
        ANSWER | {"uri": "b/4.mp4", "label": "neutral", "is_uncertain": True},
    )
    html = scores_page(
        videos, labels=LABELS, facts={}, title="x", shown_s={"happy": 3.0, "uncertain": 9.0}
    )
    assert "neutral 0 · 0.0% happy 1 · 25.0% uncertain 3 · 75.0%" in parsed(html).text
    assert "neutral 0 · 0.0% happy 3 · 25.0% uncertain 9 · 75.0%" in parsed(html).text
    assert 'aria-label="happy 1, uncertain 1"' in html
    assert 'aria-label="uncertain 2"' in html


def test_a_scores_page_has_folders_time_drift_and_slow_videos() -> None:
    videos = scored(
        ANSWER | {"uri": "b/1.mp4", "label": "happy"},
        ANSWER | {"uri": "b/c/2.mp4", "label": "neutral"},
        ANSWER | {"uri": "3.mp4", "label": "happy"},
    )
    baseline = Profile("label", LABELS, (90, 10))
    html = scores_page(
        videos,
        labels=LABELS,
        facts={},
        title="x",
        shown_s={"happy": 3.0, "neutral": 1.0},
        slowest=[{"uri": "b/1.mp4", "wall_s": 7.25, "duration_s": 90.0}],
        drifts=[compare(baseline, Profile("label", LABELS, (10, 90)))],
    )
    page = parsed(html)
    assert "Seconds of faces neutral 1 · 25.0% happy 3 · 75.0%" in page.text
    assert "folder videos labels of its videos b 2 . 1" in page.text
    assert "neutral 1, happy 1" in html
    assert "b/1.mp4 7.2 1:30 min" in page.text
    assert "label drift" in page.text
    assert "neutral: 90%, now 10%" in page.text


def test_a_scores_page_shows_500_rows_and_says_so() -> None:
    videos = scored(*[ANSWER | {"uri": f"{n:03d}.mp4", "label": "happy"} for n in range(501)])
    page = parsed(scores_page(videos, labels=LABELS, facts={}, title="many"))
    assert "The first 500 of 501" in page.text
    assert "499.mp4" in page.text and "500.mp4" not in page.text


def test_a_scores_page_shows_40_folders_and_says_so() -> None:
    """Folders are named by the level in which they differ; equal counts are sorted by name."""
    names = [f"v/{n:02d}/a.mp4" for n in range(41)]
    videos = scored(*[ANSWER | {"uri": name, "label": "happy"} for name in names])
    page = parsed(scores_page(videos, labels=LABELS, facts={}, title="many"))
    assert "The 40 largest of 41 folders." in page.text
    assert "v/39 1" in page.text and "v/40 1" not in page.text


def test_an_empty_score_set_has_a_page() -> None:
    assert "0 videos" in parsed(scores_page(scored(), labels=LABELS, facts={}, title="none")).text


def test_a_scores_report_reads_its_folder(store: str) -> None:
    videos = scored(ANSWER | {"uri": "a", "label": "happy"})
    storage.write_table(f"{store}/videos/part-0.parquet", videos)
    storage.write_table(f"{store}/people/part-0.parquet", rows_table([], PEOPLE))
    trust = {"trust": Trust().to_json(), "margin": 0.0, "video_domain": "unknown"}
    facts = {"labels": list(LABELS), "videos_root": "s3://b/v"}
    storage.write_json(f"{store}/config.json", facts | trust)
    assert "videos_root s3://b/v" in parsed(scores_report(store)).text


def test_an_evaluation_page() -> None:
    outcomes = [
        Outcome("a", "s1", "happy", "happy"),
        Outcome("b", "s2", "happy", "neutral"),
        Outcome("c", "s3", "neutral", None, "no_face"),
    ]
    found = evaluate_outcomes(outcomes, labels=LABELS)
    metrics = found.to_json() | {
        "split": "test",
        "other_splits": 7,
        "duplicate_uris": 0,
        "unknown_labels": {"<calm>": 2},
    }
    png = confusion_plot(found.confusion, LABELS, no_prediction=found.no_prediction).png
    page = parsed(evaluation_report(metrics, confusion_png=png, title="run 1"))
    assert re.search(r"33\.3% WAR · 0\.0% to 100\.0%", page.text)
    assert "25.0% UAR" in page.text and "66.7% coverage" in page.text
    alone = r"with a prediction: WAR 50\.0% .*?, UAR 50\.0% "
    assert re.search(alone, page.text)
    assert re.search(r"happy 100\.0% 50\.0% \S+ to \S+ 66\.7% 2", page.text)
    assert "no_face 1 · 100.0%" in page.text
    assert "in another split 7" in page.text and "label <calm>, which" in page.text
    assert page.addresses[0].startswith("data:image/png;base64,")


def test_a_validation_page_puts_failures_first() -> None:
    good = {"dataset": "clips", "expectation": "fine", "success": True, "unexpected": 0}
    bad = good | {"expectation": "broken", "success": False, "unexpected": 3}
    report = {
        "success": False,
        "spec_digest": "0123",
        "counts": {"clips": 12345},
        "results": [good | {"examples": []}, bad | {"examples": ["<x>"]}],
    }
    page = parsed(validation_report(report, title="tiny"))
    assert "Not valid: 1 of 2 rules" in page.text and "12,345 clips" in page.text
    assert "failed broken <x> error – 3 kept fine error – 0" in page.text


@pytest.mark.parametrize(
    "values, low, high, counts, above",
    [
        ([], 0.0, 0.0, (), 0),
        ([2.0, 2.0], 1.5, 2.5, (0, 2), 0),
        ([0.0, 1.0, float("nan"), float("inf")], 0.0, 0.99, (1, 1), 1),
        ([*[0.0] * 100, *[10.0] * 99, 1e6], 0.0, 10.0, (100, 100), 1),
    ],
    ids=["no values", "one value", "not finite", "an outlier"],
)
def test_histograms(
    values: list[float], low: float, high: float, counts: tuple[int, ...], above: int
) -> None:
    found = histogram("x", values, num_bins=2)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert (found.counts, found.num_above) == (counts, above)


def test_the_confusion_plot_is_drawn_where_the_counts_are() -> None:
    """A share of 1 is the bright end of the scale, a share of 0 the dark end."""
    png = confusion_plot([[8, 0], [0, 3]], ("happy", "neutral")).png
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    bright = (image == (55, 231, 253)).all(axis=2)  # cividis(1.0) as BGR
    dark = (image == (77, 34, 0)).all(axis=2)  # cividis(0.0)
    bright_rows, bright_columns = np.nonzero(bright[:, : image.shape[1] * 3 // 4])
    assert dark.sum() > 1000 and bright.sum() > 1000
    assert np.corrcoef(bright_rows, bright_columns)[0, 1] > 0.5  # along the diagonal
    assert png != confusion_plot([[8, 0], [0, 3]], ("happy", "neutral"), no_prediction=[0, 2]).png


def test_an_empty_confusion_can_be_drawn() -> None:
    assert confusion_plot([[0, 0], [0, 0]], ("happy", "neutral")).png.startswith(b"\x89PNG")


def test_a_scores_page_warns_and_counts_uncertain_answers_and_people() -> None:
    videos = scored(
        ANSWER | {"uri": "a.mp4", "label": "happy", "is_uncertain": True},
        ANSWER | {"uri": "b.mp4", "label": "happy", "is_uncertain": False},
    )
    person: dict[str, object] = dict.fromkeys(PEOPLE.names, 0.5)
    person |= {
        "video_id": "v", "uri": "a.mp4", "identity_id": 0, "baseline_s": None,
        "baseline_reason": None, "usable_share": 0.2,
    }  # fmt: skip
    others = [person | {"usable_share": 0.5}, person | {"baseline_reason": "no_clip"}]
    note = TrustNote("drawn", 0.2, "do not <use> it", "a test (9 videos)", {"happy": 0.8})
    page = parsed(
        scores_page(
            videos, labels=LABELS, facts={}, title="x", note=note,
            people=rows_table([person, *others], PEOPLE),
        )
    )  # fmt: skip
    assert "2 with a label 1 of them uncertain 0 without" in page.text
    assert "Warning: do not <use> it. " in page.text
    assert "measured on a test (9 videos): happy 80.0%." in page.text
    assert "a.mp4 uncertain (happy) 80.0%" in page.text and "b.mp4 happy 80.0%" in page.text
    assert "2 of 3 people have usable faces in less than half of their time." in page.text
    assert "relative to the rest of 0 people; 1 have no rest: no_clip." in page.text
