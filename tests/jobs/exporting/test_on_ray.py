"""An export on Ray: the files of an export in processes, byte for byte."""

from pathlib import Path

from jobs import export


def test_files_are_those_of_processes(scores: Path, tmp_path: Path, local_ray: None) -> None:
    formats = ["vtt", "textgrid", "overlay"]  # an eaf holds the time at which it was written
    files = {}
    for runner in ("processes", "ray"):
        out = tmp_path / runner
        given = ["--scores", str(scores), "--out", str(out), "--formats", *formats]
        assert export.main([*given, "--runner", runner]) == 0
        files[runner] = {
            str(path.relative_to(out)): path.read_bytes()
            for form in formats
            for path in (out / form).rglob("*")
            if path.is_file()
        }
    assert len(files["ray"]) == 18
    assert files["ray"] == files["processes"]
