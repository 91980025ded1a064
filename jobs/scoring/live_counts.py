"""Live counters of a scoring run on Ray."""

from __future__ import annotations

from ray.util.metrics import Counter as RayCounter

from jobs.ledger.entries import Entry
from jobs.scoring.metrics import PREFIX


class LiveCounts:
    """Counters that Ray exports to Prometheus during the run."""

    def __init__(self) -> None:
        names = ("videos", "faces", "scores")
        self._counts = {
            name: RayCounter(f"{PREFIX}_{name}", description=f"{name} so far") for name in names
        }
        self._rejects = RayCounter(
            f"{PREFIX}_rejects", description="videos left out so far", tag_keys=("reason",)
        )
        self._seconds = RayCounter(f"{PREFIX}_video_seconds", description="video time so far")

    def add(self, entry: Entry) -> None:
        """Add the ledger entry of one committed shard."""
        for name, counter in self._counts.items():
            if entry.counts[name]:
                counter.inc(entry.counts[name])
        for reason, count in entry.rejects.items():
            self._rejects.inc(count, tags={"reason": reason})
        if entry.video_s:
            self._seconds.inc(entry.video_s)
