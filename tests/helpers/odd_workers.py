"""Workers for the tests of a job's processes: they count, die or raise."""

from __future__ import annotations

import os
import time
from pathlib import Path

from jobs.common.under_way import ItemState
from jobs.common.workers import Item


class Squares:
    """Worker that squares ``value`` and tells about its process."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, item: Item) -> Item:
        time.sleep(0.05)
        return {
            "name": self._name,
            "square": item["value"] ** 2,
            "pid": os.getpid(),
            "threads": os.environ["OMP_NUM_THREADS"],
            "from_driver": os.environ.get("FROM_DRIVER"),
        }


class Deadly:
    """Worker whose process ends at the item 3 in its first ``times`` attempts."""

    def __init__(self, folder: str, times: int) -> None:
        self._folder, self._times = Path(folder), times

    def __call__(self, item: Item) -> Item:
        if item["value"] == 3:
            attempts = len(list(self._folder.iterdir()))
            (self._folder / str(attempts)).touch()
            if attempts < self._times:
                os._exit(7)
        return {"value": item["value"]}


class Buggy:
    """Worker that raises a KeyError at the item 3."""

    def __call__(self, item: Item) -> Item:
        return {"value": {0: 0, 1: 1, 2: 2}[item["value"]]}


class Stillborn:
    """Worker whose process ends before its first item."""

    def __init__(self) -> None:
        os._exit(5)

    def __call__(self, item: Item) -> Item:
        return item


class Late:
    """Worker whose first ``times`` processes end before their first item."""

    def __init__(self, folder: str, times: int) -> None:
        starts = len(list(Path(folder).iterdir()))
        (Path(folder) / str(starts)).touch()
        if starts < times:
            os._exit(5)

    def __call__(self, item: Item) -> Item:
        return {"value": item["value"]}


class Slow:
    """Worker that writes its process id into a folder and then takes an hour."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def __call__(self, item: Item) -> Item:
        (self._folder / str(os.getpid())).touch()
        time.sleep(3600)
        return item


class Reader:
    """Worker that counts one frame with four faces and waits until the file ``go_on`` exists."""

    def __call__(self, item: Item) -> Item:
        state = ItemState()
        state.frame(item["video_s"], faces=4)
        for _ in range(600):
            if Path(item["go_on"]).exists():
                break
            time.sleep(0.1)
        state.end()
        return {"done": True}
