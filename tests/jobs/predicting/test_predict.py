"""``video-emotion predict``: several videos, all formats, bad files, printed and written."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from emotion.analysis.analyzer import Analyzer
from emotion.predict.answer import SegmentPrediction
from jobs.common.console import main
from jobs.predicting.text import MAX_SEGMENTS, answer_lines
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.large


@pytest.fixture(scope="module")
def videos(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two good videos of one name in two folders, and a file that is no video."""
    root = tmp_path_factory.mktemp("videos")
    for number in range(2):
        (root / f"s{number}").mkdir()
        shutil.copy(corpus / f"videos/s{number}/happy.mp4", root / f"s{number}/a.mp4")
    (root / "s1/bad.mp4").write_bytes(b"just some text")
    return root


@pytest.fixture(scope="module")
def analyzer(package: Path) -> Analyzer:
    return Analyzer(str(package))


def test_the_table_names_the_model_first(
    videos: Path, package: Path, analyzer: Analyzer, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(videos / "s0/a.mp4")
    assert main(["predict", path, "--package", str(package)]) == 0
    out, err = capsys.readouterr()
    result = analyzer.analyze(path)
    assert out.splitlines() == [analyzer.model, *answer_lines(result)]
    assert len(out.splitlines()) == 2 + len(result.segments())
    assert err == ""


def test_a_bad_file_costs_a_line_and_the_others_are_answered(
    videos: Path, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["predict", str(videos), str(videos / "none.mp4"), str(videos / "s0/a.mp4")]
    assert main([*arguments, "--package", str(package)]) == 2
    out, err = capsys.readouterr()
    heads = [line for line in out.splitlines() if line.startswith(str(videos))]
    assert [head.split(":")[0] for head in heads] == [
        str(videos / "s0/a.mp4"), str(videos / "s1/a.mp4"),
    ]  # fmt: skip
    assert err.splitlines() == [
        f"error: video {videos}/none.mp4 does not exist; name a video file or a folder",
        f"error: video {videos}/s1/bad.mp4 cannot be used: not_a_video: "
        "its content is of no video format that is read",
        "error: 2 could not be used, 2 answered",
    ]


def test_csv_has_one_header(
    videos: Path, package: Path, analyzer: Analyzer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(videos), "--package", str(package), "--format", "csv"]) == 2
    out, err = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(out)))
    assert err.splitlines()[0] == analyzer.model
    expected = [analyzer.analyze(videos / name).timeline() for name in ("s0/a.mp4", "s1/a.mp4")]
    assert [row["label"] for row in rows] == [
        label for frame in expected for label in frame["label"]
    ]
    assert list(rows[0]) == list(expected[0].columns)


def test_json_is_a_line_per_video(
    videos: Path, package: Path, analyzer: Analyzer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(videos), "--package", str(package), "-f", "json"]) == 2
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["uri"] for answer in answers] == [
        str(videos / "s0/a.mp4"), str(videos / "s1/a.mp4"),
    ]  # fmt: skip
    assert answers[1]["probs"] == pytest.approx(analyzer.analyze(videos / "s1/a.mp4").answer.probs)


@pytest.mark.parametrize(
    "form, ending",
    [
        ("table", "txt"), ("csv", "csv"), ("json", "json"), ("vtt", "vtt"), ("srt", "srt"),
        ("eaf", "eaf"), ("textgrid", "TextGrid"), ("html", "html"), ("mp4", "mp4"),
    ],
)  # fmt: skip
def test_each_format_is_a_file_per_video(
    form: str, ending: str, videos: Path, package: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    good = [str(videos / f"s{number}/a.mp4") for number in range(2)]
    chosen = good if form in ("table", "vtt") else good[:1]  # both answer in 1 s
    options = ["--package", str(package), "--format", form, "--out", str(tmp_path)]
    assert main(["predict", *chosen, *options]) == 0
    names = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    several = {f"s0/a.mp4.{ending}", f"s1/a.mp4.{ending}"}
    assert names == (several if len(chosen) > 1 else {f"a.mp4.{ending}"})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines[1:]] == [
        str(tmp_path / name) for name in sorted(names)
    ]


def test_a_format_with_files_needs_a_folder(
    videos: Path, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(videos), "--package", str(package), "--format", "vtt"]) == 2
    assert capsys.readouterr().err == (
        "error: --format vtt writes a file per video: name a folder with --out DIR\n"
    )


def test_wrong_options_are_one_line_before_the_work(
    videos: Path, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    own = ("--package", str(package))
    for options, says in (
        ((*own, "--out", f"{tmp_path}/file"), f"--out {tmp_path}/file is a file; name a folder"),
        ((*own, "--sample-fps", "300"), "--sample-fps must be at least 2 and at most 240"),
        ((*own, *own), f"package {package} is named twice"),
        ((*own, "--yunet", "y.onnx"), "finds faces with dlib: leave --yunet out"),
        (("--package", f"{tmp_path}/none"), f"package {tmp_path}/none does not exist"),
    ):
        assert main(["predict", str(videos / "s0/a.mp4"), *options]) == 2
        out, err = capsys.readouterr()
        assert says in err
        assert (out, err.count("\n")) == ("", 1)


def test_json_prints_the_answers_and_nothing_else(
    videos: Path, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", str(videos / "s0/a.mp4"), "--package", str(package)]
    assert main([*command, "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert err != ""
    assert main([*command, "--json"]) == 0
    assert capsys.readouterr() == (out, "")
    assert main([*command, "--json", "--format", "csv"]) == 2
    assert "--json and --format csv are both given" in capsys.readouterr().err


def test_quiet_leaves_out_the_lines_about_the_model(
    videos: Path, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", str(videos / "s0/a.mp4"), "--package", str(package)]
    assert main(command) == 0
    whole = capsys.readouterr().out
    assert main([*command, "-q"]) == 0
    short = capsys.readouterr().out
    assert whole.endswith(short)
    assert "model: " in whole.removesuffix(short)
    assert "model: " not in short


def test_a_missing_video_is_named_before_torch_is_imported() -> None:
    code = "import sys; from jobs.predict import main; print(main(['no.mp4']), *sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stderr == "error: video no.mp4 does not exist; name a video file or a folder\n"
    assert ended.stdout.startswith("2 ")
    assert "torch" not in ended.stdout.split()


def test_the_default_package_is_taken(
    videos: Path, package: Path, analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("VIDEO_EMOTION_PACKAGE", str(package))
    assert main(["predict", str(videos / "s0/a.mp4")]) == 0
    assert capsys.readouterr().out.splitlines()[0] == analyzer.model


def test_a_reader_that_closes_the_pipe_is_no_error(videos: Path, package: Path) -> None:
    command = [sys.executable, "-m", "jobs.predict", str(videos), "--package", str(package)]
    process = subprocess.Popen(
        [*command, "--format", "json"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 0


def test_an_uncertain_whole_with_parts_is_explained(analyzer: Analyzer, videos: Path) -> None:
    result = analyzer.analyze(videos / "s0/a.mp4")
    one = SegmentPrediction(0, 0, 0.0, 1.0, "sad", 0.9, None, 0.9)
    answer = dataclasses.replace(result.answer, is_uncertain=True, segments=(one, one))
    lines = answer_lines(dataclasses.replace(result, answer=answer))
    assert lines[1] == "  no label leads over the whole video; these are its parts:"


def test_many_segments_are_cut(analyzer: Analyzer, videos: Path) -> None:
    result = analyzer.analyze(videos / "s0/a.mp4")
    one = SegmentPrediction(0, 0, 3600.0, 3660.5, "sad", 0.5, None, 0.5)
    two = dataclasses.replace(one, identity_id=1, start_s=61.5, stop_s=62.0, label="happy")
    answer = dataclasses.replace(result.answer, segments=(one,) * (MAX_SEGMENTS + 2) + (two,))
    lines = answer_lines(dataclasses.replace(result, answer=answer))
    assert lines[1:3] == [
        "  person 1  1:00:00.0 to 1:01:00.5  sad  50%",
        "            1:00:00.0 to 1:01:00.5  sad  50%",
    ]
    assert lines[-2:] == [
        "            and 2 more; --format csv has all",
        "  person 2    1:01.5 to   1:02.0  happy  50%",
    ]
    assert len(lines) == 1 + MAX_SEGMENTS + 2
