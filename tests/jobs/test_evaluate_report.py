"""The evaluation job with probabilities: temperature, slices, mistakes, refusals."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from emotion import storage
from emotion.evaluate.calibration import retemper
from emotion.evaluate.dataset_facts import dataset_facts
from emotion.evaluate.outcome import Outcome
from emotion.evaluate.score_set import read_predictions, uncalibrated_probs
from emotion.models.registry import build_model, default_args
from emotion.package.model_package import ModelPackage, save_package, weights_bytes
from emotion.pooling import pool_clips
from emotion.report.mistakes import MAX_CROPS, SIDE_PX, make_strip, surest_mistakes
from jobs.evaluate import main
from schemas.scores import prob_column, scored_videos_schema, scores_schema
from schemas.tables import SCHEMA_VERSION, rows_table
from tests.helpers.pages import parsed
from tests.helpers.tiny_dataset import (
    CROP,
    LABELS,
    SPEC,
    a_video,
    add,
    clean,
    tables_of,
    write_dataset,
)
from tests.repository.test_evaluation_docs import EVALUATION_KEYS

pytestmark = pytest.mark.large

# By video, of each clip: its start, its faces and the probability of "happy".
CLIPS: dict[str, list[tuple[float, int, float]]] = {
    "v1": [(0.0, 3, 0.9), (1.0, 1, 0.6)],
    "v2": [(0.0, 3, 0.95)],
    "v3": [(0.0, 2, 0.4)],
    "v4": [],
}
LINES = (
    "v1,anna,happy,I,29.97",
    "v2,bert,neutral,II,25",
    "v3,carl,happy,II,25",
    "v4,dora,happy,I,25",
)
TEMPERATURE = 0.5


def write_scores(uri: str, **config: Any) -> str:
    clips: list[dict[str, Any]] = []
    videos: list[dict[str, Any]] = []
    for name, its in CLIPS.items():
        key = {"video_id": name, "uri": f"{name}.mp4"}
        for start_s, num_faces, happy in its:
            probs = {prob_column("neutral"): 1 - happy, prob_column("happy"): happy}
            row = dict.fromkeys(scores_schema(LABELS).names) | key | probs
            label = LABELS[happy > 0.5]
            clips.append(row | {"start_s": start_s, "num_faces": num_faces, "label": label})
        row = dict.fromkeys(scored_videos_schema(LABELS).names) | key
        if its:
            vectors = np.array([[1 - happy, happy] for _, _, happy in its], np.float32)
            pooled = pool_clips(vectors, [faces for _, faces, _ in its])
            for label, value in zip(LABELS, pooled, strict=True):
                row[prob_column(label)] = float(value)
            row["label"] = LABELS[int(pooled.argmax())]
        else:
            row["reason"] = "no_face"
        videos.append(row)
    storage.write_table(f"{uri}/videos/p.parquet", rows_table(videos, scored_videos_schema(LABELS)))
    storage.write_table(f"{uri}/scores/p.parquet", rows_table(clips, scores_schema(LABELS)))
    facts: dict[str, Any] = {"labels": list(LABELS), "videos_root": "/v", "model_id": "m1"}
    facts |= {"schema_version": SCHEMA_VERSION}
    storage.write_json(f"{uri}/config.json", facts | config)
    storage.write_json(f"{uri}/_SUCCESS", {})
    return uri


def write_labels(uri: str, *, header: str = "uri,subject_id,label,skin_tone,fps") -> str:
    lines = [line.replace(",", ".mp4,", 1) for line in LINES]
    storage.write_bytes(uri, "\n".join([header, *lines, ""]).encode())
    return uri


def arguments(folder: str, *more: str) -> list[str]:
    labels = write_labels(f"{folder}/labels.csv")
    out = f"{folder}/eval"
    return ["--scores", f"{folder}/s", "--labels", labels, "--out", out, "--split", "all", *more]


def evaluated(folder: str, *more: str) -> dict[str, Any]:
    assert main(arguments(folder, *more)) == 0
    metrics: dict[str, Any] = storage.read_json(f"{folder}/eval/metrics.json")
    return metrics


def test_the_job_with_everything(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_scores(f"{store}/s", temperature=TEMPERATURE, margin=0.3)
    rows = add(clean(), a_video("v3", "carl", "happy", "test"))
    write_dataset(f"{store}/d", tables_of(rows))
    row = {"epoch": 1, "train_loss": 2.0, "val_loss": 1.5, "val_uar": 0.5, "val_war": 0.6}
    storage.write_json(f"{store}/run/metrics.json", {"history": [row], "best_epoch": 1})
    more = ("--dataset", f"{store}/d", "--run", f"{store}/run", "--slice-by", "skin_tone, face_px")
    metrics = evaluated(store, *more)
    assert set(metrics) == EVALUATION_KEYS | {
        "abstention",
        "aurc",
        "risk_coverage",
        "clips",
        "duplicate_uris",
        "model_id",
        *("other_splits", "seen", "slices"),
        "split",
        "temperature",
        "unknown_labels",
    }
    # pooled "happy": (3 * 0.9 + 0.6) / 4 = 0.825, 0.95, 0.4; right, wrong, wrong
    assert metrics["war"] == pytest.approx(1 / 4) and metrics["war_covered"] == pytest.approx(1 / 3)
    assert metrics["ece"] == pytest.approx((0.175 + 0.95 + 0.6) / 3)
    assert metrics["temperature"] == TEMPERATURE
    first = (3 * 3 / 4 + np.sqrt(1.5) / (1 + np.sqrt(1.5))) / 4  # odds 9 to 3, 1.5 to its root
    second, third = np.sqrt(19) / (1 + np.sqrt(19)), 1 / (1 + np.sqrt(2 / 3))
    assert metrics["ece_uncalibrated"] == pytest.approx((1 - first + second + third) / 3, abs=1e-6)
    assert metrics["top2"] == pytest.approx(3 / 4)  # two labels: all that were scored
    clips = metrics["clips"]  # predicted happy happy, happy, neutral, none
    assert (clips["n_clips"], clips["right_clips"], clips["videos_without_clip"]) == (4, 2, 1)
    assert (clips["war_covered"], clips["war"]) == pytest.approx((2 / 4, 2 / 5))
    assert (clips["uar_covered"], clips["uar"]) == pytest.approx((1 / 3, 1 / 4))
    # margins 0.65, 0.9, 0.2; v4 has no answer
    assert metrics["risk_coverage"]["coverage"] == [0.25, 0.5, 0.75]
    assert metrics["risk_coverage"]["risk"] == pytest.approx([1, 1 / 2, 2 / 3])
    assert metrics["aurc"] == pytest.approx((1 + 1 / 2 + 2 / 3) / 3)
    effect = {"margin": 0.3, "answered": 2, "coverage": 0.5, "risk": 0.5}
    assert effect.items() <= metrics["abstention"].items()
    assert metrics["abstention"]["risk_of_all"] == pytest.approx(2 / 3)
    tone = metrics["slices"]["skin_tone"]
    assert [group["figures"]["war"] for group in tone["groups"]] == pytest.approx([0.5, 0.0])
    assert [group["name"] for group in metrics["slices"]["face_px"]["groups"]] == [
        "44.70",
        "not given",  # v4 is not in the dataset
    ]
    table = storage.read_tables(f"{store}/eval").to_pylist()
    assert [row["uri"] for row in table] == ["v1.mp4", "v2.mp4", "v3.mp4", "v4.mp4"]
    assert table[1]["predicted"] == "happy" and table[1]["label"] == "neutral"
    assert table[1]["confidence"] == pytest.approx(0.95) == table[1]["prob_happy"]
    assert table[3]["predicted"] is None and table[3]["reason"] == "no_face"
    assert table[3]["prob_happy"] is None
    for name in ("confusion", "roc", "pr", "reliability", "risk", "slices", "learning"):
        png = np.frombuffer(storage.read_bytes(f"{store}/eval/{name}.png"), np.uint8)
        image = cv2.imdecode(png, cv2.IMREAD_GRAYSCALE)
        assert image is not None and image.std() > 5
        assert b"<svg" in storage.read_bytes(f"{store}/eval/{name}.svg")[:1000]
    curves = storage.read_json(f"{store}/eval/curves.json")
    assert curves["roc"]["happy"]["area"] == metrics["per_class_auc"]["happy"] == 0.0
    page = parsed(storage.read_bytes(f"{store}/eval/report.html").decode())
    assert sum(address.startswith("data:image/jpeg") for address in page.addresses) == 2
    first, second = (
        "predicted happy , 95.0% true neutral v2.mp4",
        "predicted neutral , 60.0% true happy v3.mp4",
    )
    assert f"{first} {second}" in page.text
    assert "Smallest group: I, 2 videos of 2 subjects" in page.text
    assert "With the margin 0.300, 50.0% of the videos get a certain answer, and" in page.text
    said = capsys.readouterr().out
    assert "ECE" in said
    assert "margin 0.300: 50.0% of the videos get a certain answer, 50.0% of these are" in said


def test_relative_scores_have_no_uncalibrated_probabilities(tmp_path: Path) -> None:
    """Answers relative to a rest are no softmax of logits over the temperature."""
    write_scores(f"{tmp_path}/s", temperature=TEMPERATURE, baseline="median")
    metrics = evaluated(str(tmp_path))
    assert metrics["ece_uncalibrated"] is None
    assert metrics["abstention"]["margin"] == 0.0 and metrics["abstention"]["coverage"] == 0.75


def test_uncalibrated_clips_are_pooled_as_the_predictor_pools(tmp_path: Path) -> None:
    found = uncalibrated_probs(read_predictions(write_scores(str(tmp_path / "s"))), TEMPERATURE)
    assert found.keys() == {"v1.mp4", "v2.mp4", "v3.mp4"}
    for name in ("v1", "v2", "v3"):
        vectors = [[1 - happy, happy] for _, _, happy in CLIPS[name]]
        raised = retemper(vectors, temperature=TEMPERATURE).astype(np.float32)
        expected = pool_clips(raised, [faces for _, faces, _ in CLIPS[name]])
        np.testing.assert_allclose(found[f"{name}.mp4"], expected, atol=1e-6)


def test_the_temperature_comes_from_the_package(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = default_args("r3d_lite")
    package = ModelPackage(
        name="r3d_lite",
        args=args,
        labels=LABELS,
        spec=SPEC,
        weights=weights_bytes(build_model("r3d_lite", 2, args).state_dict()),
        training={},
        metrics={},
        versions={},
        temperature=2.0,
    )
    save_package(str(tmp_path / "p"), package)
    write_scores(str(tmp_path / "s"), model_id=package.model_id)
    assert evaluated(str(tmp_path))["ece_uncalibrated"] is None  # the temperature is not stored
    assert evaluated(str(tmp_path), "--package", str(tmp_path / "p"))["temperature"] == 2.0
    other = dataclasses.replace(package, temperature=3.0)
    save_package(str(tmp_path / "other"), other)
    assert main(arguments(str(tmp_path), "--package", str(tmp_path / "other"))) == 2
    err = capsys.readouterr().err
    assert f"is model {other.model_id}" in err and f"was made with {package.model_id}" in err


def test_at_temperature_1_nothing_changes(tmp_path: Path) -> None:
    write_scores(str(tmp_path / "s"), temperature=1.0)
    metrics = evaluated(str(tmp_path))
    assert metrics["ece"] == metrics["ece_uncalibrated"] is not None


@pytest.mark.parametrize(
    "more, message",
    [
        (["--slice-by", "tone"], "there are: corpus"),
        (["--slice-by", "face_px"], "there is no such column"),
        (["--run", "{}/none"], "name a finished --out of jobs.train"),
        (["--dataset", "{}/d"], "has none of the 2 videos to show, such as v2.mp4"),
        (["--mistakes", "1000"], "--mistakes must be at least 0 and at most 60, got 1000"),
    ],
    ids=["column", "a column of datasets", "run", "dataset", "mistakes"],
)
def test_refusals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    write_scores(str(tmp_path / "s"))
    others = tables_of(a_video("x1", "anna", "happy", "train"))
    write_dataset(str(tmp_path / "d"), others)
    given = [text.format(tmp_path) for text in more]
    assert main(arguments(str(tmp_path), *given)) == 2
    expected = message.replace("corpus", "fps, label, skin_tone, split")
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "eval").exists()


def test_scores_of_other_videos_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_scores(str(tmp_path / "s"))
    labels = str(tmp_path / "other.csv")
    storage.write_bytes(labels, b"uri,subject_id,label\nclips/w.mp4,s1,happy\n")
    given = ["--scores", str(tmp_path / "s"), "--labels", labels, "--out", str(tmp_path / "eval")]
    assert main([*given, "--split", "all"]) == 2
    err = capsys.readouterr().err
    assert "has none of the 1 videos" in err and "the labels name clips/w.mp4" in err
    assert "relative to /v" in err


def test_mistakes_are_the_surest_first_and_right_answers_are_none() -> None:
    rows = [
        Outcome("a", "s", "happy", "neutral", probs=(0.6, 0.4)),
        Outcome("b", "s", "happy", "happy", probs=(0.1, 0.9)),
        Outcome("c", "s", "neutral", "happy", probs=(0.2, 0.8)),
        Outcome("d", "s", "neutral", None, "no_face"),
    ]
    assert [m.uri for m in surest_mistakes(rows, limit=5)] == ["c", "a"]
    assert [m.uri for m in surest_mistakes(rows, limit=1)] == ["c"]
    assert surest_mistakes([], limit=5) == []


def test_a_long_clip_is_thinned_in_its_order() -> None:
    """Crops become brighter from the first to the last, and so does the strip."""
    grey = [np.full((16, 16, 3), 5 * n, np.uint8) for n in range(50)]
    jpegs = [bytes(cv2.imencode(".jpg", image)[1]) for image in grey]
    strip = make_strip(jpegs, length_s=2.0)
    assert strip.num_crops == MAX_CROPS and strip.length_s == 2.0
    assert make_strip([CROP] * 3, length_s=1.0).num_crops == 3
    data = base64.b64decode(strip.picture.split(",")[1])
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image is not None and image.shape == (SIDE_PX, SIDE_PX * MAX_CROPS)
    means = image.reshape(SIDE_PX, MAX_CROPS, SIDE_PX).mean(axis=(0, 2))
    assert (np.diff(means) > 0).all()
    assert (means[0], means[-1]) == pytest.approx((0, 245), abs=4)


def test_facts_that_a_dataset_measured(tmp_path: Path) -> None:
    write_dataset(str(tmp_path), tables_of(clean()))
    facts = dataset_facts(str(tmp_path))["v1.mp4"]
    assert facts == {
        "video_fps": "25.000",
        "video_height": "240",
        "video_codec": "h264",
        "light": "100.00",
        "face_px": "44.70",
    }
