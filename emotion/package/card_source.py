"""Sections of a model card about published weights: their source, terms and measured figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emotion.package.card_figures import number, table
from emotion.package.trust import Trust

NAMES = {
    "title": "title",
    "url": "address",
    "sha256": "SHA-256 of the file",
    "licence": "licence, as published",
    "training_data": "trained on",
    "terms": "terms",
}
"""Texts for the facts of ``Trust.source``, in the order of the card."""

MEASURED = """
## Measured on labelled faces
Each figure is of the named set, with the project's own crops. People who label such pictures agree
on about two thirds. An expression is not a feeling.

{rows}
"""


def source_sections(facts: Mapping[str, Any]) -> str:
    """Return the sections as Markdown, each with an empty line before it; empty without facts.

    Args:
        facts: content of ``model.json``.
    """
    trust = Trust.from_json(facts["trust"]) if "trust" in facts else Trust()
    return _source(trust.source) + _measured(trust, facts["labels"])


def _source(source: Mapping[str, str]) -> str:
    lines = [f"- {text}: {source[name]}" for name, text in NAMES.items() if source.get(name)]
    return "\n".join(["\n## Where the weights come from", *lines, ""]) if lines else ""


def _measured(trust: Trust, labels: list[str]) -> str:
    """Return a table with a row per figure and a column per label whose recall is known."""
    if not trust.figures:
        return ""
    known = [label for label in labels if any(label in one.recall for one in trust.figures)]
    rows = [
        (
            one.name,
            f"{one.num:,} {one.unit}",
            one.date,
            number(one.war),
            number(one.uar),
            *(number(one.recall[label]) if label in one.recall else "" for label in known),
        )
        for one in trust.figures
    ]
    head = ("set", "number", "day", "WAR", "UAR", *(f"recall of {label}" for label in known))
    return MEASURED.format(rows=table(head, rows))
