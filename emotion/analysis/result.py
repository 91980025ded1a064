"""Answer for one video: its tables as data frames, a plot, files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from emotion.analysis.frames import data_frame
from emotion.analysis.people import person_answers
from emotion.analysis.save import save_result
from emotion.analysis.source import Source, short_name
from emotion.nouns import counted
from emotion.predict.answer import VideoPrediction
from emotion.predict.mixture import label_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

REASON_TEXT = {
    "no_face": "no face was found",
    "short_tracks": "no face stays long enough for a clip",
}
"""Reasons for a missing label, in words."""


@dataclass(frozen=True, repr=False, eq=False)
class Result:
    """Answer for one video; ``emotion.analyze`` makes it.

    The methods without arguments return new data frames. Their columns are those of the stored
    score tables (docs/scoring.md). Names end in the unit: ``_s`` seconds from the first frame,
    ``_px`` pixels of the upright frame.

    Attributes:
        answer: label, probabilities, clips and segments as plain values.
        labels: the labels of the model, in order.
        sample_fps: samples per second.
        model: line that says which model answered and how good it is.
        source: the video, as the caller gave it.
        tables: Arrow tables by name; see ``schemas.scores``.
    """

    answer: VideoPrediction
    labels: tuple[str, ...]
    sample_fps: float
    model: str
    source: Source
    tables: Mapping[str, pa.Table]

    @property
    def uri(self) -> str:
        """Path or address of the video; of an open file its name."""
        return self.answer.uri

    @property
    def label(self) -> str | None:
        """Most probable label of all clips together; None without a usable face."""
        return self.answer.label

    @property
    def confidence(self) -> float | None:
        """Probability of ``label``, 0 to 1; None without a label."""
        return self.answer.confidence

    @property
    def is_uncertain(self) -> bool | None:
        """True if the answer is below the margin in use; None without a label."""
        return self.answer.is_uncertain

    @property
    def reason(self) -> str | None:
        """Reason for a missing label: ``no_face`` or ``short_tracks``; else None."""
        return self.answer.reason

    def timeline(self) -> pd.DataFrame:
        """Return a row per second of each face; a second without a face has one row, too."""
        return data_frame(self.tables["timeline"])

    def segments(self) -> pd.DataFrame:
        """Return a row per run of one label of one face."""
        return data_frame(self.tables["segments"])

    def tracks(self) -> pd.DataFrame:
        """Return a row per track: one face from its first to its last frame."""
        return data_frame(self.tables["tracks"])

    def people(self) -> pd.DataFrame:
        """Return a row per person, whose tracks are joined."""
        return data_frame(self.people_table())

    def clips(self) -> pd.DataFrame:
        """Return a row per clip, the window that the model sees."""
        return data_frame(self.tables["scores"])

    def faces(self) -> pd.DataFrame:
        """Return a row per face in a sampled frame."""
        return data_frame(self.tables["faces"])

    def videos(self) -> pd.DataFrame:
        """Return one row: the answer for the video."""
        return data_frame(self.tables["videos"])

    def people_table(self) -> pa.Table:
        """Return the rows of ``people`` as an Arrow table."""
        return person_answers(self.tables, self.labels, margin=self.answer.trust.margin)

    def head(self) -> str:
        """Return the answer in one line, such as "happy 87%; 2.0 s, 1 person"."""
        people = self.tables["videos"]["num_identities"][0].as_py()
        size = f"{self.answer.duration_s:.1f} s, {counted(people, 'person', 'people')}"
        if self.label is None or self.confidence is None:
            return f"no label, {REASON_TEXT[str(self.reason)]}; {size}"
        text = label_text(
            self.label, uncertain=self.answer.is_uncertain, confidence=self.confidence
        )
        return f"{text}; {size}"

    def __repr__(self) -> str:
        return f"<Result {short_name(self.uri)}: {self.head()}>"

    def _repr_html_(self) -> str:
        """Return the plot and a summary per person, for a notebook."""
        from emotion.analysis.notebook import notebook_html

        return notebook_html(
            title=short_name(self.uri),
            head=self.head(),
            model=[self.model, *self.answer.trust.lines()],
            people=self.people_table().to_pylist(),
            **self._plot_rows(),
        )

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw the probabilities and segments of each person over time; return the axes.

        Args:
            axes: Matplotlib axes to draw on; None makes a new figure with pyplot.
        """
        from emotion.analysis.people_plot import draw_people, inches_high

        rows = self._plot_rows()
        if axes is None:
            import matplotlib.pyplot as plt

            size = (10, inches_high(rows["tracks"]))
            axes = plt.subplots(figsize=size, layout="constrained")[1]
        draw_people(axes, **rows)
        return axes

    def _plot_rows(self) -> dict[str, Any]:
        names = ("timeline", "segments", "tracks")
        rows = {name: self.tables[name].to_pylist() for name in names}
        return rows | {"labels": self.labels, "duration_s": self.answer.duration_s}

    def save(self, out: str, *, video: Source | None = None) -> None:
        """Write the answer to a file; its ending names the format.

        ========================  =====================================================
        out.csv                   the timeline: a row per second of each face
        out/ (no ending)          a folder with every table as CSV
        out.json                  the answer with people, timeline, clips and segments
        out.vtt, out.srt          subtitles
        out.eaf, out.TextGrid     annotations for ELAN and Praat
        out.html                  a page with the video, a clickable timeline and faces
        out.mp4                   the video with boxes, labels and bars
        ========================  =====================================================

        Args:
            out: a path or an s3:// address; an existing file is replaced.
            video: the video, for .html and .mp4; None takes it from where it was analyzed. An open
                file must still be open then, and able to seek.

        Raises:
            InputError: if the ending is unknown, or the video is needed and cannot be read again.
            VideoError: if the video is needed and damaged.
        """
        save_result(self, out, video=self.source if video is None else video)
