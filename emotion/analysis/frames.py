"""Arrow tables of a score set as pandas data frames, with the unit in each column's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from emotion.export.tables import flatten_box

if TYPE_CHECKING:
    import pandas as pd


def data_frame(table: pa.Table) -> pd.DataFrame:
    """Return a table as a data frame.

    Columns are those of the table. A box becomes four columns, as in exported CSV files: box_x1_px,
    box_y1_px, box_x2_px, box_y2_px. Whole numbers have pandas' type ``Int32`` or ``Int64``, which
    has missing values; missing text is None or NaN, and missing numbers are NaN.
    """
    import pandas as pd  # costs 0.4 s: not for a program that reads no table

    whole = {pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype()}
    frame: pd.DataFrame = flatten_box(table).to_pandas(types_mapper=whole.get)
    return frame
