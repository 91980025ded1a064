"""Tables of a finished score set as data frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from emotion import storage
from emotion.analysis.frames import data_frame
from emotion.analysis.people import person_answers
from emotion.evaluate.score_set import read_config
from emotion.export.names import stored_names

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Scores:
    """Finished score set of ``jobs.score``; ``emotion.read_scores`` makes it.

    Each method reads one table whole and returns it as a data frame. The methods and columns are
    those of ``Result``; a score set has the rows of all videos. ``emotion.read_tables`` reads
    chosen columns.

    Attributes:
        uri: address of the score set.
        config: content of its config.json.
    """

    uri: str
    config: dict[str, Any]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the model, in order."""
        return tuple(self.config["labels"])

    def timeline(self) -> pd.DataFrame:
        """Return a row per second of each face; a second without a face has one row, too."""
        return data_frame(self._read("timeline"))

    def segments(self) -> pd.DataFrame:
        """Return a row per run of one label of one face."""
        return data_frame(self._read("segments"))

    def tracks(self) -> pd.DataFrame:
        """Return a row per track: one face from its first to its last frame."""
        return data_frame(self._read("tracks"))

    def people(self) -> pd.DataFrame:
        """Return a row per person of each video."""
        names = ("people", "scores", "segments", "tracks")
        tables = {name: self._read(name) for name in names}
        rows = person_answers(
            tables, self.labels, margin=self.config["margin"], names=stored_names(self.uri)
        )
        return data_frame(rows)

    def clips(self) -> pd.DataFrame:
        """Return a row per clip, the window that the model sees."""
        return data_frame(self._read("scores"))

    def faces(self) -> pd.DataFrame:
        """Return a row per face in a sampled frame."""
        return data_frame(self._read("faces"))

    def videos(self) -> pd.DataFrame:
        """Return a row per video that could be read."""
        return data_frame(self._read("videos"))

    def rejects(self) -> pd.DataFrame:
        """Return a row per file that could not be used, with the reason."""
        return data_frame(self._read("rejects"))

    def _read(self, table: str) -> pa.Table:
        return storage.read_tables(storage.join(self.uri, table))


def read_scores(scores_uri: str) -> Scores:
    """Open a finished score set; its tables are read when they are asked for.

    Args:
        scores_uri: a folder or an s3:// address that ``jobs.score`` made.

    Raises:
        InputError: if it is no score set, has no ``_SUCCESS``, or has another schema version.
    """
    return Scores(scores_uri, read_config(scores_uri))
