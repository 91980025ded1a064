"""Import of a corpus by its name: its clips, labels and splits become a label table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from emotion.corpora import acted, generic, meld, wild
from emotion.corpora.archive import Archive, files_summary
from emotion.corpora.subjects import split_subjects
from emotion.corpora.table import Clip, CorpusClips, Unused, dataset_label, to_csv
from emotion.errors import InputError
from emotion.labels import LABELS

Corpus = Literal[
    "crema-d", "ravdess", "savee", "meld", "afew", "dfew", "ferv39k", "mafw", "csv", "folders"
]

NUM_FOLDS = {"crema-d": 5, "ravdess": 6, "savee": 4, "dfew": 5, "mafw": 5}
"""Number of folds of the corpora that are evaluated in folds."""

DOMAIN_OF = dict.fromkeys(("crema-d", "ravdess", "savee"), "acted") | dict.fromkeys(
    ("meld", "afew", "dfew", "ferv39k", "mafw"), "in the wild"
)
"""Kind of faces in a corpus, for the column ``domain``; see ``emotion.package.trust.DOMAINS``.

Films and series count as in the wild: their actors are seen in any light, pose and company.
"""

SplitRule = Literal["official", "subject", "none"]


@dataclass(frozen=True)
class Options:
    """Choices for the label table of a corpus.

    Attributes:
        fold: fold whose clips are test, from 1; None does not use folds. Only with split official.
        split: official takes the owner's split, or draws one by subject if there is none; subject
            always draws one; none leaves the column empty.
        val_share: share of subjects in val, 0 to 1, if val is drawn; if the owner's split has
            no val, the share of train's subjects that move to val.
        test_share: share of subjects in test, 0 to 1, if the split is drawn.
        seed: another seed draws other subjects.
        mapping: pairs (source label, label) that are applied before any other rule.
        label_set: labels of the dataset.
        drop_other: True drops clips with a label outside the label set; False keeps them.
        subset: for mafw only: single or compound.
        table: for csv only: address of the table.
        columns: for csv only: names of the table's columns.
        subject_pattern: for folders only: regular expression for the subject in a path.
        domain: kind of faces, for the column ``domain``; empty takes that of ``DOMAIN_OF``.
    """

    fold: int | None = None
    split: SplitRule = "official"
    val_share: float = 0.1
    test_share: float = 0.15
    seed: int = 0
    mapping: tuple[tuple[str, str], ...] = ()
    label_set: tuple[str, ...] = LABELS
    drop_other: bool = False
    subset: Literal["single", "compound"] = "single"
    table: str = ""
    columns: generic.Columns = generic.Columns("uri", "label", "", "", "")
    subject_pattern: str = ""
    domain: str = ""


@dataclass(frozen=True)
class Imported:
    """A label table, and the files without a row.

    Attributes:
        rows: each clip with its label and its split (empty text if none), sorted by uri.
        table: the same rows as a CSV file.
        unused: every file and list entry without a row.
        notes: one line for each fact that the user should know.
    """

    rows: tuple[tuple[Clip, str, str], ...]
    table: bytes
    unused: tuple[Unused, ...]
    notes: tuple[str, ...]


def import_corpus(corpus: Corpus, archive: Archive, lists: Archive, options: Options) -> Imported:
    """Make the label table of a corpus.

    Args:
        corpus: name of the corpus.
        archive: its videos.
        lists: its list files; often the same folder.
        options: choices for the table.

    Raises:
        InputError: if the fold is wrong, a list or table is missing or broken, there is no usable
            video, or the owner's split has a subject in two splits.
    """
    _check_fold(corpus, options.fold, options.split)
    result = _once(_clips_of(corpus, archive, lists, options))
    mapping = dict(options.mapping)
    labelled = [
        (clip, dataset_label(clip.source_label, mapping=mapping, label_set=options.label_set))
        for clip in sorted(result.clips, key=lambda c: c.uri)
    ]
    others = [(clip, label) for clip, label in labelled if label not in options.label_set]
    unused, notes = list(result.unused), list(result.notes)
    if options.drop_other:
        labelled = [(clip, label) for clip, label in labelled if label in options.label_set]
        unused += [Unused(clip.uri, "other_label") for clip, _ in others]
    elif others:
        names = ", ".join(f"{n} {label}" for label, n in Counter(lab for _, lab in others).items())
        notes.append(f"kept, but not in the label set: {names}; build rejects them (unknown_label)")
    if not labelled:
        raise InputError(f"no usable {corpus} video below {archive.root}: {files_summary(archive)}")
    splits, note = _splits(corpus, [clip for clip, _ in labelled], options)
    rows = tuple((clip, label, splits(clip)) for clip, label in labelled)
    domain = options.domain or DOMAIN_OF.get(corpus, "")
    table = to_csv(rows, corpus=corpus, domain=domain)
    return Imported(rows, table, tuple(unused), (*notes, *note))


def _check_fold(corpus: Corpus, fold: int | None, split: SplitRule) -> None:
    if fold is None:
        return
    if split != "official":
        raise InputError(f"--fold {fold} takes the owner's split; --split {split} does not")
    if corpus not in NUM_FOLDS:
        raise InputError(f"--fold {fold}: {corpus} has no folds; {', '.join(NUM_FOLDS)} have")
    if not 1 <= fold <= NUM_FOLDS[corpus]:
        raise InputError(f"--fold {fold}: {corpus} has the folds 1 to {NUM_FOLDS[corpus]}")


def _clips_of(corpus: Corpus, archive: Archive, lists: Archive, options: Options) -> CorpusClips:
    readers: dict[str, Callable[[], CorpusClips]] = {
        "crema-d": lambda: acted.crema_d(archive, lists),
        "ravdess": lambda: acted.ravdess(archive),
        "savee": lambda: acted.savee(archive),
        "meld": lambda: meld.meld(archive, lists, by_speaker=options.split == "subject"),
        "afew": lambda: wild.afew(archive),
        "dfew": lambda: wild.dfew(archive, lists, fold=options.fold),
        "ferv39k": lambda: wild.ferv39k(archive, lists),
        "mafw": lambda: wild.mafw(archive, lists, fold=options.fold, subset=options.subset),
        "csv": lambda: generic.table(archive, options.table, columns=options.columns),
        "folders": lambda: generic.folders(archive, subject_pattern=options.subject_pattern),
    }
    result = readers[corpus]()
    if corpus in ("crema-d", "ravdess", "savee") and options.fold is not None:
        clips = tuple(
            replace(c, split="test" if c.fold == str(options.fold) else "train")
            for c in result.clips
        )
        return replace(result, clips=clips)
    return result


def _once(result: CorpusClips) -> CorpusClips:
    """Keep one clip per video: the first one, or none if their labels differ."""
    by_uri: dict[str, list[Clip]] = {}
    for clip in result.clips:
        by_uri.setdefault(clip.uri, []).append(clip)
    kept: list[Clip] = []
    unused = list(result.unused)
    for uri, clips in by_uri.items():
        if len({c.source_label for c in clips}) > 1:
            unused += [Unused(uri, "two_labels")] * len(clips)
        else:
            kept.append(clips[0])
            unused += [Unused(uri, "listed_twice")] * (len(clips) - 1)
    return replace(result, clips=tuple(kept), unused=tuple(unused))


def _splits(
    corpus: Corpus, clips: Sequence[Clip], options: Options
) -> tuple[Callable[[Clip], str], tuple[str, ...]]:
    """Return a function that gives the split of a clip, and notes on the source of the splits."""
    owners = {c.subject_id: c.split for c in clips if c.split is not None}
    if options.split == "none":
        return lambda clip: "", ()
    if options.split == "subject" or not owners:
        drawn = split_subjects(
            [c.subject_id for c in clips],
            seed=options.seed,
            val_share=options.val_share,
            test_share=options.test_share,
        )
        has_folds = corpus in NUM_FOLDS and options.split == "official"
        more = "; --fold K takes that of a fold" if has_folds else ""
        return lambda clip: drawn[clip.subject_id], (f"split drawn by subject{more}",)
    for clip in clips:
        if clip.split != owners.get(clip.subject_id):
            raise InputError(
                f"{clip.uri}: subject {clip.subject_id} is in split {clip.split or 'none'} and in "
                f"{owners.get(clip.subject_id)}; it must be in one split: use --split subject"
            )
    if "val" in owners.values():
        return lambda clip: owners.get(clip.subject_id) or "", ()
    train = [subject for subject, split in owners.items() if split == "train"]
    carved = split_subjects(train, seed=options.seed, val_share=options.val_share, test_share=0)
    note = f"val is {sum(s == 'val' for s in carved.values())} of {len(train)} subjects of train"
    owners |= carved
    return lambda clip: owners.get(clip.subject_id) or "", (note,)
