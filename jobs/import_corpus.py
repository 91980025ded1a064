"""Write the label table of a known corpus from its own names and lists.

    python -m jobs.import_corpus --corpus crema-d --root URI --out labels.csv

Each URI is a local path or s3://. Then: jobs.build_dataset --videos ROOT --labels labels.csv. Needs
no cluster and reads no video: file names and lists only.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from emotion import storage
from emotion.corpora.archive import Archive, open_archive
from emotion.corpora.generic import Columns
from emotion.corpora.importer import Corpus, Imported, Options, SplitRule, import_corpus
from emotion.corpora.table import WHYS, parse_map
from emotion.errors import InputError
from emotion.labels import LABELS, parse_labels
from jobs.common.command import one_line_errors, parse


@dataclass(frozen=True)
class Config:
    """Which corpus, where it is, and how its labels and splits are taken."""

    corpus: Corpus
    """The corpus; csv and folders are any other."""
    root: str
    """Folder that holds its videos: what --videos of jobs.build_dataset will be."""
    out: str
    """The label table to write."""
    lists: str = ""
    """Folder with its list files, if they are not below the root."""
    fold: int | None = None
    """Take the split of this fold, from 1 (crema-d, ravdess, savee, dfew, mafw)."""
    split: SplitRule = "official"
    """official: the owner's, or drawn by subject if there is none; subject: drawn; none: empty."""
    val_share: float = 0.1
    """Share of subjects in val, where val is drawn or carved from the owner's train."""
    test_share: float = 0.15
    """Share of subjects in test, where the split is drawn."""
    seed: int = 0
    """Another seed draws other subjects."""
    label_set: str = ",".join(LABELS)
    """The labels that the dataset will have."""
    map: str = ""
    """Labels by hand, before any other rule: joy=happy,3=sad."""
    other: Literal["keep", "drop"] = "keep"
    """Clips whose label is not in the label set: keep them as written, or drop them."""
    subset: Literal["single", "compound"] = "single"
    """mafw: which of its two sets of lists."""
    table: str = ""
    """csv: the table, CSV or Parquet, with a row per video."""
    uri_column: str = "uri"
    """csv: its column with the video's path below the root, or its address."""
    label_column: str = "label"
    """csv: its column with the label."""
    subject_column: str = ""
    """csv: its column with the person; empty: each video is its own subject."""
    split_column: str = ""
    """csv: its column with train, val or test."""
    fold_column: str = ""
    """csv: its column with the fold."""
    subject_pattern: str = ""
    """folders: a regular expression that finds the subject in a path; empty: one per video."""

    def __post_init__(self) -> None:
        """Refuse a flag that says nothing of this corpus."""
        belongs = {"subset": "mafw", "subject_pattern": "folders", "table": "csv"} | {
            f"{name}_column": "csv" for name in ("uri", "label", "subject", "split", "fold")
        }
        for name, corpus in belongs.items():
            given = getattr(self, name) != getattr(Config, name)
            if given and corpus != self.corpus:
                flag = name.replace("_", "-")
                raise InputError(f"--{flag} is for --corpus {corpus}, not {self.corpus}")
        if self.corpus == "csv" and not self.table:
            raise InputError("--corpus csv needs --table, the CSV or Parquet file with the labels")


def options(config: Config) -> Options:
    """The flags as what the importer takes."""
    return Options(
        fold=config.fold,
        split=config.split,
        val_share=config.val_share,
        test_share=config.test_share,
        seed=config.seed,
        mapping=tuple(parse_map(config.map).items()),
        label_set=parse_labels(config.label_set),
        drop_other=config.other == "drop",
        subset=config.subset,
        table=config.table,
        columns=Columns(
            uri=config.uri_column,
            label=config.label_column,
            subject=config.subject_column,
            split=config.split_column,
            fold=config.fold_column,
        ),
        subject_pattern=config.subject_pattern,
    )


def _archive(uri: str, *, out: str) -> Archive:
    """The listing of a folder, without the table that an earlier run wrote there."""
    found = open_archive(uri)
    written = storage.relative_to(storage.absolute(out), found.root)
    return Archive(found.root, tuple(p for p in found.paths if p != written))


def _write(uri: str, table: bytes) -> None:
    if storage.exists(uri):
        if storage.is_folder(uri) or storage.read_bytes(uri) != table:
            raise InputError(f"{uri} exists and is something else; name another --out")
        return
    storage.write_bytes(uri, table)


def summary_lines(imported: Imported, *, out: str) -> Iterator[str]:
    """What was written and what was left out, a line each."""
    rows = imported.rows
    subjects = {clip.subject_id for clip, _, _ in rows}
    yield f"{out}: {len(rows)} videos of {len(subjects)} subjects"
    labels = Counter(label for _, label, _ in rows)
    yield "  labels: " + ", ".join(f"{label} {count}" for label, count in labels.most_common())
    splits = Counter(split or "none" for _, _, split in rows)
    yield "  splits: " + ", ".join(f"{split} {count}" for split, count in splits.most_common())
    counts = Counter(str(item.why) for item in imported.unused)
    first = {str(item.why): item.path for item in reversed(imported.unused)}
    for why in (w for w in WHYS if counts[w]):
        yield f"  not used, {why}: {counts[why]}, such as {first[why]}"
    yield from (f"  note: {note}" for note in imported.notes)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Write the label table and say what is in it and what is not."""
    config = parse(Config, argv, verb="jobs.import_corpus", doc=__doc__)
    archive = _archive(config.root, out=config.out)
    lists = _archive(config.lists, out=config.out) if config.lists else archive
    imported = import_corpus(config.corpus, archive, lists, options(config))
    _write(config.out, imported.table)
    for line in summary_lines(imported, out=config.out):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
