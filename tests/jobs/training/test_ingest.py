"""A rank's share of a split: every clip decoded, in memory or streamed, without padding."""

from __future__ import annotations

import numpy as np
import pytest

from emotion.errors import InputError
from emotion.models.transforms import decode_crops
from emotion.train.batches import Batch
from jobs.training.ingest import Share
from jobs.training.stored_clips import ReadClips, clips_of
from tests.helpers.drawn_dataset import LABELS, clip_row, write_dataset

SHAPE = (4, 32, 32, 3)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_dataset(tmp_path_factory.mktemp("dataset")))


def share(
    uri: str, split: str, *, keep: bool, num_pads: int = 0, shape: tuple[int, int, int, int] = SHAPE
) -> Share:
    source = clips_of(uri, ReadClips(split, LABELS, shape), num_pads=num_pads)
    return Share(source.iterator(), keep=keep, batch_size=4)


def names_of(batches: list[Batch]) -> list[str]:
    return [name for batch in batches for name in batch.clip_ids]


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "streamed"])
def test_every_clip_once_and_no_padding(dataset: str, local_ray: None, keep: bool) -> None:
    batches = list(share(dataset, "val", keep=keep, num_pads=3).batches())
    expected = sorted(f"val{n}-{label}/0/0" for n in range(3) for label in LABELS)
    assert sorted(names_of(batches)) == expected
    for batch in batches:
        assert batch.clips.shape[1:] == SHAPE
        pairs = zip(batch.clip_ids, batch.targets.tolist(), strict=True)
        assert all(LABELS[target] in name for name, target in pairs)


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "streamed"])
def test_full_batches_of_the_stored_pixels(dataset: str, local_ray: None, keep: bool) -> None:
    """Seven batches from a share of five: a streamed share is read again."""
    train = share(dataset, "train", keep=keep)
    batches = list(train.shuffled(num_batches=7, seed=1, balance="weights"))
    assert [len(batch.targets) for batch in batches] == [4] * 7
    assert len(set(names_of(batches[:5]))) == 20
    rng = np.random.default_rng(0)  # the same draws as in write_dataset
    rows = [clip_row("train", n, label, rng) for n in range(7) for label in LABELS]
    stored = {str(row["clip_id"]): row["crops"] for row in rows}
    for name, clip in zip(batches[0].clip_ids, batches[0].clips, strict=True):
        crops = stored[name]
        assert isinstance(crops, list)
        np.testing.assert_array_equal(clip.numpy(), decode_crops(crops))


def test_a_clip_of_another_shape_is_named(dataset: str, local_ray: None) -> None:
    with pytest.raises(InputError, match=r"clip val\d-\w+/0/0 has shape \(4, 32, 32, 3\), the"):
        share(dataset, "val", keep=True, shape=(4, 64, 64, 3))


def test_a_split_of_padding_alone_has_no_batch(dataset: str, local_ray: None) -> None:
    assert list(share(dataset, "none", keep=False, num_pads=2).batches()) == []
