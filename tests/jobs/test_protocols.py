"""The official protocols of docs/corpora.md, run on small stand-ins laid out as the downloads."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emotion import storage
from emotion.synth.clip import render_clip
from tests.helpers.paths import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.large]

Draw = Callable[[str, int, str], None]
"""Function that writes a video: path below the root, number of the person, label."""


def crema_d(draw: Draw, root: Path) -> None:
    for fold in range(5):
        for person in range(2):
            for code, label in (("ANG", "angry"), ("HAP", "happy"), ("NEU", "neutral")):
                actor = 1001 + 18 * fold + person
                draw(f"VideoFlash/{actor}_DFA_{code}_XX.mp4", 2 * fold + person, label)
    (root / "VideoDemographics.csv").write_text(
        "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,X,Y\n"
    )


def ravdess(draw: Draw, root: Path) -> None:
    for fold in range(6):
        for person in range(2):
            for code, label in (("03", "happy"), ("05", "angry"), ("08", "surprise")):
                actor = 4 * fold + person + 1
                name = f"Actor_{actor:02d}/01-01-{code}-01-01-01-{actor:02d}.mp4"
                draw(name, 2 * fold + person, label)


def dfew(draw: Draw, root: Path) -> None:
    lists: dict[int, list[str]] = {fold: [] for fold in range(1, 6)}
    for number in range(20):
        code, label = (("1", "happy"), ("4", "angry"))[number % 2]
        draw(f"Clip/original/{number + 1:05d}.mp4", number, label)
        lists[number // 2 % 5 + 1].append(f"{number + 1},{code}\n")
    for fold, own in lists.items():
        others = [line for other, lines in lists.items() if other != fold for line in lines]
        for kind, rows in (("train", others), ("test", own)):
            path = root / f"EmoLabel_DataSplit/{kind}(single-labeled)/set_{fold}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("video_name,label\n" + "".join(rows))


def ferv39k(draw: Draw, root: Path) -> None:
    lines: dict[str, list[str]] = {"train": [], "test": []}
    for number in range(24):
        label = ("Happy", "Angry")[number % 2]
        draw(f"1_Clips/Action/{label}/{number:04d}.mp4", number, label.lower())
        lines["test" if number % 4 > 1 else "train"].append(
            f"Action/{label}/{number:04d} {label}\n"
        )
    (root / "4_setups/All_scenes").mkdir(parents=True)
    for kind, rows in lines.items():
        (root / f"4_setups/All_scenes/{kind}_All.csv").write_text("".join(rows))


def afew(draw: Draw, root: Path) -> None:
    for number in range(24):
        label = ("Happy", "Angry")[number % 2]
        part = "Val_AFEW" if number % 4 > 1 else "Train_AFEW"
        draw(f"{part}/{label}/{number:09d}.mp4", number, label.lower())


LAYOUTS = {"crema-d": crema_d, "ravdess": ravdess, "dfew": dfew, "ferv39k": ferv39k, "afew": afew}


def commands_of(corpus: str) -> list[list[str]]:
    """Return the commands of the section about a corpus, with one epoch."""
    section = (ROOT / "docs/corpora.md").read_text().partition("## Official protocols")[2]
    lines = section.partition("\n## ")[0].replace("--epochs 60", "--epochs 1").splitlines()
    return [shlex.split(line) for line in lines if line.startswith("    ") and corpus in line]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("corpus", LAYOUTS)
def test_the_commands_of_the_docs(corpus: str, tmp_path: Path) -> None:
    root = tmp_path / corpus.upper()
    drawn: dict[tuple[int, str], Path] = {}

    def draw(name: str, person: int, label: str) -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        render_clip(path, seed=1, subject=person, label=label)
        drawn[person, label] = path

    LAYOUTS[corpus](draw, root)
    commands = commands_of(corpus)
    verbs = [words[2] for words in commands]
    assert verbs[:3] == ["jobs.import_corpus", "jobs.build_dataset", "jobs.train"]
    for words in commands:
        done = subprocess.run(
            [sys.executable, *words[1:]], cwd=tmp_path, capture_output=True, text=True,
            timeout=900, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])
    if "jobs.crossval" in verbs:
        figures = storage.read_json(f"{tmp_path}/{corpus}-folds/metrics.json")
        assert len(figures["folds"]) == {"crema-d": 5, "ravdess": 6, "dfew": 5}[corpus]
        assert figures["n_videos"] == len(drawn)
    else:
        figures = storage.read_json(f"{tmp_path}/{corpus}-eval/metrics.json")
        assert figures["n_videos"] == len(drawn) // 2
    shutil.rmtree(tmp_path)
