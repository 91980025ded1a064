"""Write the label table of a corpus from its file names and list files.

    python -m jobs.import_corpus --corpus crema-d --root URI --out labels.csv

Each URI is a local path or s3://. The next step is `jobs.build_dataset --videos ROOT --labels
labels.csv`. This job reads file names and list files. It reads no videos and needs no cluster.
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
from emotion.corpora.table import UNUSED_REASONS, parse_map
from emotion.errors import InputError
from emotion.labels import LABELS, parse_labels
from jobs.common.command import one_line_errors, parse


@dataclass(frozen=True)
class Config:
    """Corpus, its address, and the choices for labels and splits."""

    corpus: Corpus
    """Name of the corpus. For any other corpus: csv reads a table, folders one folder per label."""
    root: str
    """Folder of the corpus's videos; give the same folder to --videos of jobs.build_dataset."""
    out: str
    """Label table to write, a CSV file."""
    lists: str = ""
    """Folder of the corpus's list files; default: they are below --root."""
    fold: int | None = None
    """Number of the test fold, from 1 (crema-d, ravdess, savee, dfew, mafw); default: no fold."""
    split: SplitRule = "official"
    """official: published split, else drawn by subject; subject: always drawn; none: no split."""
    val_share: float = 0.1
    """Share of subjects in val, if val is drawn or taken from the published train; 0 to below 1."""
    test_share: float = 0.15
    """Share of subjects in test, if the split is drawn; at least 0, with --val-share below 1."""
    seed: int = 0
    """Random seed of a drawn split."""
    label_set: str = ",".join(LABELS)
    """Labels of the dataset, separated by commas."""
    map: str = ""
    """Labels to rename first, as OLD=NEW separated by commas, such as joy=happy,3=sad."""
    other: Literal["keep", "drop"] = "keep"
    """Clips whose label is not in --label-set: keep writes their rows, drop leaves them out."""
    subset: Literal["single", "compound"] = "single"
    """For mafw only: lists of single or of compound expressions."""
    table: str = ""
    """For csv only, required: table with one row per video, CSV or Parquet."""
    uri_column: str = "uri"
    """For csv only: column with the video's path below --root, or its full address."""
    label_column: str = "label"
    """For csv only: column with the label."""
    subject_column: str = ""
    """For csv only: column with the person; default: every video is another subject."""
    split_column: str = ""
    """For csv only: column with train, val or test; default: none."""
    fold_column: str = ""
    """For csv only: column with the fold; default: none."""
    subject_pattern: str = ""
    """For folders only: regular expression that finds the subject in a path; default: none."""
    domain: str = ""
    """Kind of faces: drawn, rendered, acted, in the wild, or other text; default: the corpus's."""

    def __post_init__(self) -> None:
        """Refuse a flag that does not apply to the corpus."""
        belongs = {"subset": "mafw", "subject_pattern": "folders", "table": "csv"} | {
            f"{name}_column": "csv" for name in ("uri", "label", "subject", "split", "fold")
        }
        for name, corpus in belongs.items():
            given = getattr(self, name) != getattr(Config, name)
            if given and corpus != self.corpus:
                flag = name.replace("_", "-")
                raise InputError(f"--{flag} applies to --corpus {corpus} only, got {self.corpus}")
        if self.corpus == "csv" and not self.table:
            raise InputError("--corpus csv needs --table, the CSV or Parquet file with the labels")


def options(config: Config) -> Options:
    """Return the importer's options from the flags."""
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
        domain=config.domain,
    )


def _archive(uri: str, *, out: str) -> Archive:
    """Return the listing of a folder, without the label table that an earlier run wrote there."""
    archive = open_archive(uri)
    written = storage.relative_to(storage.absolute(out), archive.root)
    return Archive(archive.root, tuple(p for p in archive.paths if p != written))


def _write(uri: str, table: bytes) -> None:
    if storage.exists(uri):
        if storage.is_folder(uri) or storage.read_bytes(uri) != table:
            raise InputError(f"{uri} exists and has other content; name another --out")
        return
    storage.write_bytes(uri, table)


def summary_lines(imported: Imported, *, out: str) -> Iterator[str]:
    """Yield lines about the rows, the labels, the splits and the files without a row."""
    rows = imported.rows
    subjects = {clip.subject_id for clip, _, _ in rows}
    yield f"{out}: {len(rows)} videos of {len(subjects)} subjects"
    labels = Counter(label for _, label, _ in rows)
    yield "  labels: " + ", ".join(f"{label} {count}" for label, count in labels.most_common())
    splits = Counter(split or "none" for _, _, split in rows)
    yield "  splits: " + ", ".join(f"{split} {count}" for split, count in splits.most_common())
    counts = Counter(str(item.reason) for item in imported.unused)
    first = {str(item.reason): item.path for item in reversed(imported.unused)}
    for reason in (w for w in UNUSED_REASONS if counts[w]):
        yield f"  not used, {reason}: {counts[reason]}, such as {first[reason]}"
    yield from (f"  note: {note}" for note in imported.notes)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Write the label table, print a summary, and return 0."""
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
