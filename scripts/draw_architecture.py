"""Draw docs/architecture.svg from docs/architecture.txt.

python scripts/draw_architecture.py

Comments in the text file describe its format. Columns and rows count from 0. The picture has a
background and follows the light or dark setting of the reader.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
SOURCE, PICTURE = DOCS / "architecture.txt", DOCS / "architecture.svg"
BOX_W, BOX_H, GAP_X, GAP_Y, MARGIN = 196, 76, 40, 44, 20
LEGEND = {"emotion": "emotion/", "jobs": "jobs/", "serve": "serve/", "data": "stored or sent"}
STYLE = """
.page { fill: #ffffff; } text { fill: #1f2328; font: 12px sans-serif; text-anchor: middle; }
.title { font-weight: bold; font-size: 14px; } .note { font-size: 12px; text-anchor: start; }
rect.data { fill: #f0f2f4; stroke: #656d76; } rect.emotion { fill: #d9ecfa; stroke: #0072b2; }
rect.jobs { fill: #fbe9c8; stroke: #b87900; } rect.serve { fill: #d3f0e5; stroke: #00805c; }
path { fill: none; stroke: #656d76; stroke-width: 1.6; } marker path { fill: #656d76; }
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117; } text { fill: #e6edf3; }
  rect.data { fill: #21262d; stroke: #8b949e; } rect.emotion { fill: #10304a; stroke: #56b4e9; }
  rect.jobs { fill: #40300f; stroke: #e69f00; } rect.serve { fill: #0b3a2d; stroke: #2cc295; }
  path { stroke: #8b949e; } marker path { fill: #8b949e; }
}
"""


@dataclass(frozen=True)
class Box:
    """One box of the picture; ``lines`` holds its title and the two lines below it."""

    column: int
    row: int
    kind: str
    lines: tuple[str, ...]

    @property
    def x(self) -> int:
        """Return the left side, in pixels."""
        return MARGIN + self.column * (BOX_W + GAP_X)

    @property
    def y(self) -> int:
        """Return the upper side, in pixels."""
        return MARGIN + self.row * (BOX_H + GAP_Y)


def read(text: str) -> tuple[dict[str, Box], list[tuple[str, str]]]:
    """Return the boxes by name and the arrows of a source text.

    Raises:
        ValueError: if a line is not a box, an arrow, a comment or empty.

    >>> read("box a 0 1 data  Title | line\\narrow a a")
    ({'a': Box(column=0, row=1, kind='data', lines=('Title', 'line'))}, [('a', 'a')])
    """
    boxes: dict[str, Box] = {}
    arrows = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split(maxsplit=5)
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "box" and len(words) == 6 and words[4] in LEGEND:
            lines = tuple(part.strip() for part in words[5].split("|"))
            boxes[words[1]] = Box(int(words[2]), int(words[3]), words[4], lines)
        elif words[0] == "arrow" and len(words) == 3 and {*words[1:]} <= boxes.keys():
            arrows.append((words[1], words[2]))
        else:
            raise ValueError(f"{SOURCE.name}, line {number}: cannot read {line!r}")
    return boxes, arrows


def draw(text: str) -> str:
    """Return the SVG of a source text."""
    boxes, arrows = read(text)
    width = max(box.x for box in boxes.values()) + BOX_W + MARGIN
    height = max(box.y for box in boxes.values()) + BOX_H + MARGIN + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<title>From videos to datasets, models and answers, and the folder of each step</title>",
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>',
        f'<rect class="page" width="{width}" height="{height}" rx="8"/>',
        *(_arrow(boxes[start], boxes[stop]) for start, stop in arrows),
        *(_box(box) for box in boxes.values()),
        *_legend(height - MARGIN - 8),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _box(box: Box) -> str:
    middle = box.x + BOX_W // 2
    rounded = 14 if box.kind == "data" else 3
    classes = ("title", "line", "line")
    texts = [
        f'<text class="{name}" x="{middle}" y="{box.y + 22 + 20 * k}">{html.escape(line)}</text>'
        for k, (name, line) in enumerate(zip(classes, box.lines, strict=True))
    ]
    rect = f'<rect class="{box.kind}" x="{box.x}" y="{box.y}" width="{BOX_W}" height="{BOX_H}"'
    return "\n".join([f'{rect} rx="{rounded}"/>', *texts])


def _arrow(start: Box, stop: Box) -> str:
    """Return an arrow between two boxes: straight within a row or column, else with two corners."""
    if start.row == stop.row:
        right = stop.column > start.column
        y = start.y + BOX_H // 2
        ends = (start.x + BOX_W, stop.x - 2) if right else (start.x, stop.x + BOX_W + 2)
        line = f"M{ends[0]} {y} H{ends[1]}"
    else:
        down = stop.row > start.row
        from_x, to_x = start.x + BOX_W // 2, stop.x + BOX_W // 2
        from_y = start.y + BOX_H if down else start.y
        to_y = stop.y - 2 if down else stop.y + BOX_H + 2
        line = f"M{from_x} {from_y} V{(from_y + to_y) // 2} H{to_x} V{to_y}"
    return f'<path d="{line}" marker-end="url(#tip)"/>'


def _legend(y: int) -> list[str]:
    parts = []
    for k, (kind, text) in enumerate(LEGEND.items()):
        x = MARGIN + 130 * k
        parts.append(f'<rect class="{kind}" x="{x}" y="{y - 11}" width="14" height="14" rx="3"/>')
        parts.append(f'<text class="note" x="{x + 22}" y="{y}">{html.escape(text)}</text>')
    return parts


if __name__ == "__main__":
    PICTURE.write_text(draw(SOURCE.read_text()))
