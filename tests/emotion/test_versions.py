"""Checks of what an output states about itself."""

from __future__ import annotations

import pytest

from emotion.errors import InputError
from emotion.versions import check_number


def test_fewer_rows_than_stated_are_refused() -> None:
    marker = {"counts": {"clips": 1200}}
    check_number(marker, "D", "clips", 1200, flag="dataset", job="jobs.build_dataset")
    with pytest.raises(InputError, match=r"^--dataset D has 1,199 clips, its _SUCCESS says 1,200"):
        check_number(marker, "D", "clips", 1199, flag="dataset", job="jobs.build_dataset")


@pytest.mark.parametrize("marker", [{}, {"counts": {}}, {"counts": {"videos": 3}}])
def test_an_output_that_states_no_number_passes(marker: dict[str, object]) -> None:
    check_number(marker, "D", "clips", 5, flag="dataset", job="jobs.build_dataset")
