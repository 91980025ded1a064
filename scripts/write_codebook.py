"""Write docs/codebook.md, the columns of all tables, from schemas.codebook.

python -m scripts.write_codebook
"""

from __future__ import annotations

from pathlib import Path

from schemas.codebook import markdown
from schemas.scores import score_tables
from schemas.tables import DATASETS

PAGE = Path(__file__).resolve().parents[1] / "docs/codebook.md"
HEAD = """\
# Codebook

Every column of every table. The same text is in README.txt of each dataset, score set and export,
and in the metadata of each Parquet column (`description`, `unit`):

```python
import pyarrow.parquet as pq

field = pq.read_schema("SCORES/timeline/PART.parquet").field("margin")
print(field.metadata)
```

Times are seconds from the first frame of the video. Ranges of time are half-open:
`[start_s, stop_s)`. LABEL stands for each label of the model.
"""


def page() -> str:
    """Return the text of the page."""
    parts = [HEAD, "\n## Tables of a dataset\n", markdown("dataset", DATASETS)]
    parts += ["\n## Tables of a score set\n", markdown("scores", score_tables(["LABEL"]))]
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
