"""Labels of a published network: kept, renamed, added up, left out."""

import pytest

from emotion.errors import InputError
from emotion.published.label_map import LabelMap, map_labels, parse_changes


@pytest.mark.parametrize(
    "names, changes, expected, merge",
    [
        (["sad", "happy"], {}, LabelMap(("happy", "sad"), ((1,), (0,))), ""),
        (["calm", "tense"], {}, LabelMap(("calm", "tense"), ((0,), (1,))), ""),
        (["tense", "angry", "calm", "happy"], {},
         LabelMap(("happy", "angry", "tense", "calm"), ((3,), (1,), (0,), (2,))), ""),
        (["happiness", "sad"], {"happiness": "happy"},
         LabelMap(("happy", "sad"), ((0,), (1,))), ""),
        (["contempt", "happy", "disgust"], {"contempt": "disgust"},
         LabelMap(("happy", "disgust"), ((1,), (0, 2))), "1,2"),
        (["contempt", "happy", "sad"], {"contempt": ""},
         LabelMap(("happy", "sad"), ((1,), (2,))), ""),
    ],
    ids=["default order", "own labels", "own labels last", "renamed", "added", "left out"],
)  # fmt: skip
def test_maps(names: list[str], changes: dict[str, str], expected: LabelMap, merge: str) -> None:
    result = map_labels(names, changes)
    assert result == expected
    assert result.merge == merge


@pytest.mark.parametrize(
    "names, changes, says",
    [
        (["sad", "sad"], {}, "--labels names sad more than once"),
        (["sad", ""], {}, "--labels has an empty label"),
        (["sad", "happy"], {"fear": "sad"}, "--map names fear, which is not among the labels sad"),
        (["sad", "happy"], {"sad": "happy"}, "1 label is left after --map"),
        (["sad", "happy"], {"sad": "", "happy": ""}, "0 labels are left after --map"),
    ],
)
def test_refuses(names: list[str], changes: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        map_labels(names, changes)


@pytest.mark.parametrize(
    "texts, says",
    [
        (["contempt"], "must be LABEL=NEW, or LABEL= to leave it out"),
        (["=sad"], "must be LABEL=NEW"),
        (["a=b", "a=c"], "--map changes a twice"),
    ],
)
def test_refuses_texts(texts: list[str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse_changes(texts)
