"""Label tables, right and wrong."""

from pathlib import Path

import pytest

from emotion.errors import InputError
from emotion.label_table import LabelRow, read_label_table


def written(folder: Path, text: str | bytes) -> str:
    path = folder / "labels.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_all_columns(tmp_path: Path) -> None:
    uri = written(
        tmp_path,
        "\ufeffuri, subject_id,label,split,fold,corpus,age\n"
        "a/1.mp4,s1,happy,train,2,mine,41\n"
        '"/other/2, x.mp4",s2,sad,,,,\n',
    )
    table = read_label_table(uri, videos_root="/videos")
    assert table.extra_columns == ("age",)
    assert table.rows == (
        LabelRow("a/1.mp4", "s1", "happy", "train", "2", "mine", {"age": "41"}),
        LabelRow("/other/2, x.mp4", "s2", "sad", None, None, None, {"age": ""}),
    )


@pytest.mark.parametrize(
    "root, uri, expected",
    [
        ("/videos", "/videos/a.mp4", "a.mp4"),
        ("/videos", "/videos2/a.mp4", "/videos2/a.mp4"),
        ("s3://b/v", "s3://b/v/x/a.mp4", "x/a.mp4"),
        ("s3://b/v", "x/a.mp4", "x/a.mp4"),
        ("/videos", "s3://b/a.mp4", "s3://b/a.mp4"),
    ],
)
def test_addresses_below_the_root_become_relative(
    tmp_path: Path, root: str, uri: str, expected: str
) -> None:
    table = read_label_table(
        written(tmp_path, f"uri,subject_id,label\n{uri},s,happy\n"), videos_root=root
    )
    assert table.rows[0].uri == expected


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "lacks column uri, subject_id, label"),
        ("uri,label\na.mp4,happy\n", "lacks column subject_id"),
        ("uri,subject_id,label\n", "no rows"),
        ("uri,subject_id,label,label\na,s,x,y\n", "names a column twice"),
        ("uri,subject_id,label\n,s,happy\n", "line 2: uri is empty"),
        ("uri,subject_id,label\na.mp4,s,sad\nb.mp4,,sad\n", "line 3: subject_id is empty"),
        ("uri,subject_id,label,split\na,s,sad,dev\n", "split is 'dev', it must be one of train"),
        (b"uri,subject_id,label\n\xff\xfe,s,sad\n", "not UTF-8"),
        ("uri,subject_id,label\n".encode("utf-16-le"), "seems to be UTF-16: save it as CSV UTF-8"),
        ("sep=,\nuri,subject_id,label\na,s,x\n", "its first line must be the header: remove"),
        ("URI,Subject_ID,Label\na,s,x\n", "write the names in small letters"),
        (b"PK\x03\x04" + bytes(40), "is a workbook .* save it as CSV UTF-8"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_label_table(written(tmp_path, text), videos_root="/videos")


def test_a_missing_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_label_table(str(tmp_path / "none.csv"), videos_root="/videos")
