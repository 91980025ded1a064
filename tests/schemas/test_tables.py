"""Checks of columns, order and types before every write."""

import pyarrow as pa
import pytest

from schemas.tables import REJECTS, conform, rows_table, with_columns

SCHEMA = pa.schema([("a", pa.int32()), ("b", pa.string())])


def test_order_and_types_are_given() -> None:
    table = conform(pa.table({"b": pa.array([None], pa.null()), "a": pa.array([1])}), SCHEMA)
    assert table.schema == SCHEMA
    assert table.to_pylist() == [{"a": 1, "b": None}]


@pytest.mark.parametrize(
    "columns, message",
    [({"a": [1]}, r"lacks columns \['b'\]"), ({"a": [1], "b": [""], "c": [1]}, r"\['c'\]")],
)
def test_missing_and_unknown_columns(columns: dict[str, list[object]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        conform(pa.table(columns), SCHEMA)


def test_a_value_that_does_not_fit() -> None:
    with pytest.raises(pa.ArrowInvalid):
        conform(pa.table({"a": [2**40], "b": ["x"]}), SCHEMA)


def test_no_rows_give_an_empty_table_of_the_schema() -> None:
    assert rows_table([], REJECTS).schema == REJECTS


def test_a_row_with_an_unknown_key() -> None:
    with pytest.raises(ValueError, match="are not the columns"):
        rows_table([{"a": 1, "b": "x", "c": 2}], SCHEMA)


def test_label_columns_follow_as_text() -> None:
    assert with_columns(SCHEMA, ["age"]).names == ["a", "b", "age"]
