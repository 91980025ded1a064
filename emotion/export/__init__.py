"""Answers in the formats of other programs: subtitles, annotation tools, pictures."""
