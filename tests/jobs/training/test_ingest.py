"""A rank's share of a split: every clip decoded, in memory or streamed, in an order by seed."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from emotion import storage
from emotion.errors import InputError
from emotion.models.transforms import decode_crops
from emotion.train.batches import Batch
from jobs.training import stored_clips
from jobs.training.ingest import Share
from jobs.training.stored_clips import SplitIndex, index_clips, shuffled_windows
from schemas.tables import CLIPS, rows_table
from tests.helpers.drawn_dataset import LABELS, clip_row, write_dataset

SHAPE = (4, 32, 32, 3)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_dataset(tmp_path_factory.mktemp("dataset")))


def share(
    uri: str,
    split: str,
    *,
    keep: bool,
    shape: tuple[int, int, int, int] = SHAPE,
    batch_size: int = 4,
    rank: int = 0,
    ranks: int = 1,
) -> Share:
    index = index_clips(uri, split, LABELS)
    return Share(index, shape, keep=keep, batch_size=batch_size, rank=rank, ranks=ranks)


def names_of(batches: list[Batch]) -> list[str]:
    return [name for batch in batches for name in batch.clip_ids]


def test_the_index_names_part_group_and_row(dataset: str) -> None:
    index = index_clips(dataset, "val", LABELS)
    assert len(index) == 9 and len(index_clips(dataset, "none", LABELS)) == 0
    for number in range(9):
        rows = storage.read_group(
            index.parts[index.part[number]],
            int(index.group[number]),
            columns=["clip_id", "split", "label"],
        ).to_pylist()
        row = rows[int(index.row[number])]
        assert (row["clip_id"], row["split"]) == (index.clip_ids[number], "val")
        assert LABELS[int(index.targets[number])] == row["label"]


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "streamed"])
@pytest.mark.parametrize("ranks", [1, 2, 10])
def test_every_clip_is_in_one_share(dataset: str, keep: bool, ranks: int) -> None:
    """With ten ranks one has no clip."""
    names: list[str] = []
    for rank in range(ranks):
        batches = list(share(dataset, "val", keep=keep, rank=rank, ranks=ranks).batches())
        names += names_of(batches)
        for batch in batches:
            assert batch.clips.shape[1:] == SHAPE
            pairs = zip(batch.clip_ids, batch.targets.tolist(), strict=True)
            assert all(LABELS[target] in name for name, target in pairs)
    assert sorted(names) == sorted(f"val{n}-{label}/0/0" for n in range(3) for label in LABELS)


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "streamed"])
def test_full_batches_of_the_stored_pixels(dataset: str, keep: bool) -> None:
    """Seven batches of four from 21 clips: every clip once before any comes again."""
    train = share(dataset, "train", keep=keep)
    batches = list(train.shuffled(num_batches=7, seed=1, epoch=1, balance="weights"))
    assert [len(batch.targets) for batch in batches] == [4] * 7
    assert len(set(names_of(batches)[:21])) == 21
    rng = np.random.default_rng(0)  # the same draws as in write_dataset
    rows = [clip_row("train", n, label, rng) for n in range(7) for label in LABELS]
    stored = {str(row["clip_id"]): row["crops"] for row in rows}
    for batch in batches:
        for name, clip in zip(batch.clip_ids, batch.clips, strict=True):
            crops = stored[name]
            assert isinstance(crops, list)
            np.testing.assert_array_equal(clip.numpy(), decode_crops(crops))


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "streamed"])
def test_an_epoch_has_one_order_per_seed(dataset: str, keep: bool) -> None:
    train = share(dataset, "train", keep=keep)

    def order(seed: int, epoch: int) -> list[str]:
        return names_of(
            list(train.shuffled(num_batches=5, seed=seed, epoch=epoch, balance="weights"))
        )

    assert order(1, 1) == order(1, 1)
    orders = [tuple(order(seed, epoch)) for seed, epoch in itertools.product((1, 2), (1, 2))]
    assert len(set(orders)) == 4


@pytest.mark.parametrize("window", [4, 1024])
def test_streamed_batches_are_the_same_for_any_number_of_ranks(
    dataset: str, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    """Batches of twelve clips over 1, 2, 3 and 6 ranks, over the end of an epoch and windows."""
    monkeypatch.setattr(stored_clips, "WINDOW_CLIPS", window)

    def batches(ranks: int) -> list[list[str]]:
        shares = [
            share(dataset, "train", keep=False, batch_size=12 // ranks, rank=rank, ranks=ranks)
            for rank in range(ranks)
        ]
        parts = [
            list(one.shuffled(num_batches=5, seed=3, epoch=2, balance="weights")) for one in shares
        ]
        return [names_of(list(batch)) for batch in zip(*parts, strict=True)]

    alone = batches(1)
    assert [len(batch) for batch in alone] == [12] * 5
    assert all(batches(ranks) == alone for ranks in (2, 3, 6))


def by_label(tmp_path: Path, *, parts: int, clips: int) -> SplitIndex:
    """Write parts with one label each, as of an archive with a folder per label."""
    for part in range(parts):
        label = LABELS[part * len(LABELS) // parts]
        rows = [
            clip_row("test", part * clips + k, label, np.random.default_rng(0))
            for k in range(clips)
        ]
        table = rows_table(rows, CLIPS)
        storage.write_table(f"{tmp_path}/clips/part-{part:03d}.parquet", table)
    return index_clips(str(tmp_path), "test", LABELS)


def test_a_streamed_epoch_is_mixed_as_a_random_order_is(tmp_path: Path) -> None:
    """120 parts of 32 clips of one label; three labels, so that a third of a batch is usual.

    In a random order the clips of one label in a batch of 16 follow the binomial distribution:
    P(at least 12) is 0.0008, so of 240 batches at most 3 have as many, with 99.99% probability.
    """
    index = by_label(tmp_path, parts=120, clips=32)
    order = np.concatenate(list(shuffled_windows(index, seed=(0, 1, 0))))
    assert sorted(order.tolist()) == list(range(len(index))) and len(index) == 3840
    labels = index.targets[order].reshape(-1, 16)
    most = np.array([np.bincount(batch, minlength=3).max() for batch in labels])
    assert most.max() < 16
    usual = 3 * binom.sf(11, 16, 1 / 3)
    assert (most >= 12).sum() <= binom.ppf(0.9999, len(most), usual)
    runs = (labels[:, 1:] == labels[:, :-1]).mean()  # neighbours of one label: a third
    assert abs(runs - 1 / 3) < 4 * np.sqrt(2 / 9 / labels[:, 1:].size)
    in_files = index.targets.reshape(-1, 16)
    assert (in_files == in_files[:, :1]).all()  # as stored, every batch has one label


def test_a_clip_of_another_shape_is_named(dataset: str) -> None:
    with pytest.raises(InputError, match=r"clip val\d-\w+/0/0 has shape \(4, 32, 32, 3\), the"):
        share(dataset, "val", keep=True, shape=(4, 64, 64, 3))


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "streamed"])
def test_a_split_without_clips_has_no_batch(dataset: str, keep: bool) -> None:
    assert list(share(dataset, "none", keep=keep).batches()) == []
