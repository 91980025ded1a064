"""Answers in the formats of other programs: tables, subtitles, annotations, overlay videos."""
