"""Exports of a score set by the job, local and to S3."""

import csv
import json
import shutil
from pathlib import Path

import av
import pytest

import emotion
from emotion import storage
from jobs import export
from tests.helpers.scoring import rows, score

pytestmark = pytest.mark.large


FORMATS = ["csv", "jsonl", "vtt", "srt", "eaf", "textgrid", "overlay", "blurred", "report"]


@pytest.fixture(scope="module")
def exported(scores: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "export"
    given = ["--scores", str(scores), "--out", str(out), "--formats", *FORMATS]
    assert export.main(given) == 0
    return out


def test_every_video_has_every_file(scores: Path, exported: Path) -> None:
    ends = {"vtt": "vtt", "srt": "srt", "eaf": "eaf", "textgrid": "TextGrid", "overlay": "mp4",
            "blurred": "mp4", "report": "html"}  # fmt: skip
    for form, end in ends.items():
        for video in rows(scores, "videos"):
            assert (exported / form / f"{video['uri']}.{end}").stat().st_size > 0


def test_tables_hold_every_row(scores: Path, exported: Path) -> None:
    for table in ("videos", "tracks", "segments", "timeline", "scores"):
        lines = (exported / f"jsonl/{table}.jsonl").read_text().splitlines()
        written = [json.loads(line) for line in lines]
        people = {row.pop("person", None) for row in written}
        assert people == ({None} if table == "videos" else {"person 1"})
        assert written == rows(scores, table)
        with (exported / f"csv/{table}.csv").open() as file:
            csv_rows = list(csv.DictReader(file))
        assert len(csv_rows) == len(lines)
    with (exported / "csv/scores.csv").open() as file:
        first = next(csv.DictReader(file))
    expected = rows(scores, "scores")[0]
    corners = [float(first[f"box_{name}_px"]) for name in ("x1", "y1", "x2", "y2")]
    assert corners == pytest.approx(expected["box"], rel=1e-5)
    assert float(first["prob_happy"]) == pytest.approx(expected["prob_happy"], rel=1e-5)


def test_the_overlay_has_the_sources_frames(scores: Path, corpus: Path, exported: Path) -> None:
    for video in rows(scores, "videos"):
        for form in ("overlay", "blurred"):
            counts = []
            for path in (corpus / video["uri"], exported / form / f"{video['uri']}.mp4"):
                with av.open(str(path)) as container:
                    counts.append(sum(1 for _ in container.decode(video=0)))
            assert counts[0] == counts[1]


def test_the_same_export_again_does_nothing(
    scores: Path, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--scores", str(scores), "--out", str(exported), "--formats", *FORMATS]
    assert export.main(given) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert export.main([*given[:4], "--formats", "vtt"]) == 2
    assert "was made with formats" in capsys.readouterr().err
    assert export.main([*given, "--embed-mb", "1"]) == 2
    assert "was made with embed_mb 20.0, now 1.0" in capsys.readouterr().err


def test_files_of_videos_that_are_gone_or_changed_follow(
    corpus: Path, package: Path, tmp_path: Path
) -> None:
    videos, scores, out = tmp_path / "videos", tmp_path / "scores", tmp_path / "out"
    shutil.copytree(corpus / "videos", videos)
    given = ["--scores", str(scores), "--out", str(out), "--formats", "vtt", "jsonl"]
    assert score(videos, package, scores) == 0
    assert export.main(given) == 0
    before = {path: path.stat().st_mtime_ns for path in (out / "vtt").rglob("*.vtt")}
    assert len(before) == 6
    (videos / "s0/happy.mp4").unlink()
    shutil.copy(videos / "s1/happy.mp4", videos / "s0/surprise.mp4")
    assert score(videos, package, scores) == 0
    assert export.main(given) == 0
    after = {path: path.stat().st_mtime_ns for path in (out / "vtt").rglob("*.vtt")}
    assert before.keys() - after.keys() == {out / "vtt/s0/happy.mp4.vtt"}
    changed, source = (out / f"vtt/{name}.mp4.vtt" for name in ("s0/surprise", "s1/happy"))
    assert changed.read_text() == source.read_text()
    assert {path for path, when in after.items() if when != before[path]} == {changed}
    lines = (out / "jsonl/videos.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == rows(scores, "videos")
    assert storage.read_json(f"{out}/_SUCCESS")["counts"] == {"files": 5, "videos": 5}


def test_files_that_are_gone_or_empty_are_written_again(
    scores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    given = ["--scores", str(scores), "--out", str(out), "--formats", "vtt", "csv", "jsonl"]
    assert export.main(given) == 0
    before = {path: path.read_bytes() for path in out.rglob("*.*") if "_ledger" not in path.parts}
    (out / "vtt/videos/s0/happy.mp4.vtt").unlink()
    (out / "vtt/videos/s1/happy.mp4.vtt").write_bytes(b"")
    (out / "csv/videos.csv").write_bytes(b"")
    (out / "jsonl/rejects.jsonl").unlink()
    assert export.main(given) == 0
    assert "nothing to do" not in capsys.readouterr().out
    assert before == {p: p.read_bytes() for p in out.rglob("*.*") if "_ledger" not in p.parts}
    assert export.main(given) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_names_of_people_are_in_every_export(
    scores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The names stay with the scores; with other names the files are written again."""
    copy, out, names = tmp_path / "scores", tmp_path / "out", tmp_path / "names.csv"
    shutil.copytree(scores, copy)
    first, second = sorted(str(video["uri"]) for video in rows(copy, "videos"))[:2]
    given = ["--scores", str(copy), "--out", str(out), "--formats", "vtt", "csv", "eaf"]
    assert export.main(given) == 0
    names.write_text(f"uri,person,name\n{first},1,Anna\n")
    assert export.main([*given, "--people", str(names)]) == 0
    assert '"Anna"' in (out / f"eaf/{first}.eaf").read_text()
    assert "Anna: " in (out / f"vtt/{first}.vtt").read_text()
    assert "person 1" in (out / f"eaf/{second}.eaf").read_text()
    with (out / "csv/people.csv").open() as file:
        people = {row["uri"]: row["person"] for row in csv.DictReader(file)}
    assert people[first] == "Anna" and people[second] == "person 1"
    shown = emotion.read_scores(str(copy)).people().set_index("uri")["person"]
    assert shown[first] == "Anna" and shown[second] == "person 1"
    capsys.readouterr()
    assert export.main(given) == 0  # they are kept
    assert "nothing to do" in capsys.readouterr().out
    names.write_text(f"uri,person,name\n{first},person 1,Maria\n")
    assert export.main([*given, "--people", str(names)]) == 0
    assert "Maria: " in (out / f"vtt/{first}.vtt").read_text()


@pytest.mark.parametrize(
    "row, says",
    [
        ("{uri},2,Anna", "names person 2 of {uri}, which has 1 people"),
        ("x.mp4,1,Anna", "names people of x.mp4, which the score set does not have"),
        ("{uri},0,Anna", "line 2: person is '0'; it must be a number from 1"),
        ("{uri},1, ", "line 2: person 1 of {uri} has no name"),
        ("{uri},1,A\n{uri},1,B", "line 3: person 1 of {uri} is named twice"),
    ],
)
def test_names_of_nobody_are_refused(
    scores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], row: str, says: str
) -> None:
    uri, names = str(rows(scores, "videos")[0]["uri"]), tmp_path / "names.csv"
    names.write_text(f"uri,person,name\n{row.format(uri=uri)}\n")
    given = ["--scores", str(scores), "--out", str(tmp_path / "out"), "--formats", "vtt"]
    assert export.main([*given, "--people", str(names)]) == 2
    assert says.format(uri=uri) in capsys.readouterr().err
    assert not (scores / "names.csv").exists() and not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["pattern", "file", "condition"])
def test_an_export_of_some_videos(scores: Path, tmp_path: Path, kind: str) -> None:
    """The two videos of s1; a run that chooses others is refused, and so is one of all."""
    videos = rows(scores, "videos")
    chosen = sorted(str(v["uri"]) for v in videos if "/s1/" in str(v["uri"]))
    assert 0 < len(chosen) < len(videos)
    listed = tmp_path / "names.txt"
    listed.write_text("\n".join(chosen) + "\n")
    only = {
        "pattern": "*/s1/*",
        "file": f"@{listed}",
        "condition": "where: contains(uri, '/s1/') and num_clips > 0",
    }[kind]
    out = tmp_path / "out"
    given = ["--scores", str(scores), "--out", str(out), "--formats", "vtt", "csv", "jsonl"]
    assert export.main([*given, "--only", only]) == 0
    written = sorted(str(p.relative_to(out / "vtt")) for p in (out / "vtt").rglob("*.vtt"))
    assert written == [f"{uri}.vtt" for uri in chosen]
    for table in ("videos", "segments", "timeline"):
        with (out / f"csv/{table}.csv").open() as file:
            assert {row["uri"] for row in csv.DictReader(file)} == set(chosen)
    assert storage.read_json(f"{out}/_SUCCESS")["counts"] == {"files": 2, "videos": 2}
    (out / f"vtt/{chosen[0]}.vtt").unlink()
    assert export.main([*given, "--only", only]) == 0
    assert (out / f"vtt/{chosen[0]}.vtt").exists()
    assert export.main(given) == 2


@pytest.mark.parametrize(
    "only, says",
    [
        ("nobody/*", "chooses no video; the score set has 6, such as videos/"),
        ("@/no/such/file", "--only @/no/such/file: the file does not exist"),
        ("where: no_column > 1", "not a condition on the columns of videos: Binder Error"),
        ("where: label =", "not a condition on the columns of videos: Parser Error"),
        ("", "--only  chooses no video"),
    ],
)
def test_a_choice_of_nothing_is_refused(
    scores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], only: str, says: str
) -> None:
    given = ["--scores", str(scores), "--out", str(tmp_path / "out"), "--formats", "vtt"]
    assert export.main([*given, "--only", only]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_file_with_an_unknown_video_is_refused(
    scores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "names.txt").write_text("x.mp4\n")
    given = ["--scores", str(scores), "--out", str(tmp_path / "out"), "--formats", "vtt"]
    assert export.main([*given, "--only", f"@{tmp_path / 'names.txt'}"]) == 2
    assert "names x.mp4, which the score set does not have" in capsys.readouterr().err


def test_a_file_of_names_without_its_columns_is_refused(
    scores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "names.csv"
    given = ["--scores", str(scores), "--out", str(tmp_path / "out"), "--formats", "vtt"]
    for content, says in (
        (b"uri,who,name\n", "has no column person; it must have uri, person, name"),
        (b"", "has no column uri"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
    ):
        names.write_bytes(content)
        assert export.main([*given, "--people", str(names)]) == 2
        assert says in capsys.readouterr().err
    assert export.main([*given, "--people", f"{names}x"]) == 2
    assert "names.csvx does not exist" in capsys.readouterr().err


def test_a_score_set_without_a_part_is_named(
    scores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "scores"
    shutil.copytree(scores, cut)
    next((cut / "segments").iterdir()).unlink()
    given = ["--scores", str(cut), "--out", str(tmp_path / "out"), "--formats", "vtt"]
    assert export.main(given) == 2
    err = capsys.readouterr().err
    assert f"--scores {cut} lacks a part" in err and "run jobs.score again" in err


def test_exports_reach_s3(scores: Path, exported: Path, s3: str) -> None:
    forms = ["csv", "vtt", "blurred", "report"]
    given = ["--scores", str(scores), "--out", f"{s3}/export", "--formats", *forms]
    assert export.main(given) == 0
    for form in forms:
        local = {str(p.relative_to(exported)) for p in (exported / form).rglob("*.*")}
        stored = storage.list_files(f"{s3}/export/{form}")
        assert {file.uri.removeprefix(f"{s3}/export/") for file in stored} == local
        for file in stored:
            content = storage.read_bytes(file.uri)
            if form in ("csv", "vtt"):
                assert content == (exported / file.uri.removeprefix(f"{s3}/export/")).read_bytes()
            assert content


def test_a_video_that_is_gone_is_counted(
    scores: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fewer = tmp_path / "videos"
    shutil.copytree(corpus, fewer)
    next(fewer.rglob("happy.mp4")).unlink()
    given = ["--scores", str(scores), "--out", str(tmp_path / "out"), "--formats", "overlay"]
    for _ in range(2):  # the second run has nothing to do, and the file is still not there
        assert export.main([*given, "--videos", str(fewer)]) == 1
        assert "not exported: missing 1" in capsys.readouterr().out


def test_one_video_that_cannot_be_exported_is_counted(
    scores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file lies where the folder of one video must be; the others are written."""
    out = tmp_path / "out"
    given = ["--scores", str(scores), "--out", str(out), "--formats", "vtt"]
    videos = sorted(str(video["uri"]) for video in rows(scores, "videos"))
    (out / "vtt" / videos[0]).with_suffix(".mp4.vtt").mkdir(parents=True)
    assert export.main(given) == 1
    printed = capsys.readouterr()
    assert f"{videos[0]}: export_failed" in printed.out
    assert "not exported: export_failed 1" in printed.out
    written = {str(p.relative_to(out / "vtt")) for p in (out / "vtt").rglob("*.vtt") if p.is_file()}
    assert written == {f"{video}.vtt" for video in videos[1:]}
