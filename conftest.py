"""Choice of the files that pytest imports; the fixtures are in tests/conftest.py.

Imports take a large part of the time of ``make quick``: 2 to 5 s each for Great Expectations, Ray,
MLflow and torch.
"""

from __future__ import annotations

from pathlib import Path

import pytest

LARGE_FILES = (
    "pytestmark = pytest.mark.large\n",
    'pytestmark = pytest.mark.usefixtures("local_ray")\n',
    "    pytest.mark.large,\n]\n",
)
"""Lines by which no test of a file is quick."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out modules without a doctest, and for ``make quick`` files without a quick test."""
    if collection_path.suffix != ".py" or collection_path.name == "conftest.py":
        return None
    text = collection_path.read_text()
    if not collection_path.name.startswith("test_"):
        return None if ">>> " in text else True
    quick = config.getoption("markexpr") == "quick"
    return True if quick and any(line in text for line in LARGE_FILES) else None
