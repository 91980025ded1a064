"""The page of one video in a real browser: it plays, a click seeks, the console has no errors."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from emotion.export.drawn import drawn_tracks
from emotion.export.names import read_names
from emotion.export.overlay import overlay
from emotion.report.video import VideoRows, video_report
from schemas.scores import prob_column, scored_videos_schema, share_column
from tests.helpers.pages import parsed

pytestmark = pytest.mark.large

LABELS = ("calm", "glad")
FPS = 8.0


def rows(uri: str, duration_s: float) -> VideoRows:
    """Return rows of one person: calm in the first second, glad in the second one."""
    who = {"video_id": "v", "uri": uri, "track_id": 0, "identity_id": 0}
    half = [
        {prob_column("calm"): 0.9, prob_column("glad"): 0.1, "label": "calm", "confidence": 0.9},
        {prob_column("calm"): 0.2, prob_column("glad"): 0.8, "label": "glad", "confidence": 0.8},
    ]
    spans = [who | {"start_s": float(k), "stop_s": k + 1.0} | half[k] for k in range(2)]
    other = {"second_label": None, "margin": 0.7, "entropy": 0.5, "quality": 1.0}
    other |= {"is_uncertain": False}
    video = dict.fromkeys(scored_videos_schema(LABELS).names) | {
        "uri": uri, "video_id": "v", "duration_s": duration_s, "label": "calm", "confidence": 0.6,
        "coverage": 1.0, "num_identities": 1, share_column("calm"): 0.5, share_column("glad"): 0.5,
    }  # fmt: skip
    faces = [
        who | {"frame_index": k, "pts_s": k / FPS, "box": [60.0, 50.0, 120.0, 120.0], "score": 1.0}
        for k in range(16)
    ]
    return VideoRows(
        video=video,
        segments=[span | other | {"segment_index": k} for k, span in enumerate(spans)],
        timeline=[span | other | {"face_share": 1.0, "box": None} for span in spans],
        tracks=[who | {"start_s": 0.0, "stop_s": 2.0, "num_faces": 16, "num_clips": 1}],
        people=[],
        faces=faces,
    )


@pytest.fixture(scope="module")
def source(corpus: Path) -> Path:
    return corpus / "videos/s0/happy.mp4"


@pytest.fixture(scope="module")
def drawn(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    known, path = rows("a.mp4", 2.2), tmp_path_factory.mktemp("drawn") / "overlay.mp4"
    overlay(
        source, path, drawn_tracks(known.faces, known.segments, known.timeline, LABELS, fps=FPS)
    )
    return path


def rendered(known: VideoRows, source: Path, drawn: Path, *, embed_bytes: int) -> str:
    return video_report(known, source, drawn=drawn, labels=LABELS, fps=FPS, embed_bytes=embed_bytes)


@pytest.fixture(scope="module")
def page(source: Path, drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    html = rendered(rows("a & b/<c>.mp4", 2.2), source, drawn, embed_bytes=10**8)
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(html, encoding="utf-8")
    return path


def wait(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while not (answer := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return answer


def now(browser: Any) -> float:
    return float(browser.execute_script("return document.getElementById('film').currentTime"))


def ready(browser: Any, path: Path) -> None:
    browser.get(path.as_uri())
    script = "const f = document.getElementById('film'); return f.readyState >= 1 && f.duration"
    assert wait(lambda: browser.execute_script(script)) == pytest.approx(2.2, abs=0.15)


def test_a_click_on_a_run_goes_there(browser: Any, page: Path) -> None:
    ready(browser, page)
    seeks = browser.find_elements(By.CSS_SELECTOR, "table button.seek")
    assert [one.text for one in seeks] == ["0.00 s", "1.00 s"]
    seeks[1].click()
    wait(lambda: abs(now(browser) - 1.0) < 0.01)
    cursor = browser.find_element(By.CSS_SELECTOR, "line.cursor")
    wait(lambda: abs(float(cursor.get_attribute("x1")) - 1000 * 1.0 / 2.2) < 1)


def test_a_click_on_the_chart_goes_there(browser: Any, page: Path) -> None:
    ready(browser, page)
    chart = browser.find_element(By.CSS_SELECTOR, "svg.strip")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", chart)
    right = chart.size["width"] / 4  # from the middle: three quarters
    ActionChains(browser).move_to_element_with_offset(chart, int(right), 0).click().perform()
    wait(lambda: abs(now(browser) - 0.75 * 2.2) < 0.05)


def test_it_plays_without_a_complaint(browser: Any, page: Path) -> None:
    browser.get_log("browser")
    ready(browser, page)
    browser.execute_script("const f = document.getElementById('film'); f.muted = true; f.play()")
    wait(lambda: now(browser) > 0.2)
    assert [line for line in browser.get_log("browser") if line["level"] != "INFO"] == []


def test_it_needs_nothing_from_elsewhere(page: Path) -> None:
    html = page.read_text()
    assert {a.partition(";")[0] for a in parsed(html, scripts=True).addresses} == {
        "data:video/mp4", "data:image/jpeg",
    }  # fmt: skip
    assert "url(" not in html
    assert "&lt;c&gt;.mp4" in html  # the last part of its name, escaped


def test_it_tells_all_that_is_known(page: Path) -> None:
    text = parsed(page.read_text(), scripts=True).text
    assert "0.00 s 1.00 s person 1 0 calm 90.0%" in text
    assert "calm 50.0% glad 50.0%" in text
    assert page.read_text().count("<img") == 2  # a face from each segment


def test_a_person_has_one_strip_and_a_name(
    browser: Any, source: Path, drawn: Path, tmp_path: Path
) -> None:
    """Two tracks of one person; the name goes to all places, and into names.csv."""
    known = rows('a "b".mp4', 2.2)
    later = known.tracks[0] | {"track_id": 1, "start_s": 1.0}
    known = replace(
        known,
        tracks=[known.tracks[0] | {"stop_s": 1.0}, later],
        segments=[known.segments[0], known.segments[1] | {"track_id": 1}],
        timeline=[known.timeline[0], known.timeline[1] | {"track_id": 1}],
    )
    path = tmp_path / "page.html"
    path.write_text(rendered(known, source, drawn, embed_bytes=10**8), encoding="utf-8")
    browser.get_log("browser")
    ready(browser, path)
    (strip,) = browser.find_elements(By.CSS_SELECTOR, "h3:has(.rename)")
    assert strip.text == "person 1 rename 2 tracks"
    assert len(browser.find_elements(By.CSS_SELECTOR, "rect.run")) == 2
    for name in ("Anna", 'Ann, "A"'):
        browser.find_element(By.CSS_SELECTOR, "button.rename").click()
        browser.switch_to.alert.send_keys(name)
        browser.switch_to.alert.accept()
    assert strip.text == 'Ann, "A" rename 2 tracks'
    cells = browser.find_elements(By.CSS_SELECTOR, "td[data-person='0']")
    assert {cell.text for cell in cells} == {'Ann, "A"'}
    link = browser.find_element(By.CSS_SELECTOR, "#renamed a")
    content = unquote(link.get_attribute("href").partition(",")[2]).encode()
    assert read_names(content, source="names.csv") == {'a "b".mp4': {0: 'Ann, "A"'}}
    assert [line for line in browser.get_log("browser") if line["level"] != "INFO"] == []


def test_it_is_readable_on_a_phone(browser: Any, page: Path) -> None:
    browser.set_window_size(390, 800)
    try:
        ready(browser, page)
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= browser.execute_script("return window.innerWidth")
    finally:
        browser.set_window_size(1200, 900)


def test_a_large_video_is_asked_for(
    browser: Any, source: Path, drawn: Path, tmp_path: Path
) -> None:
    html = rendered(rows("a.mp4", 2.2), source, drawn, embed_bytes=10)
    path = tmp_path / "page.html"
    path.write_text(html, encoding="utf-8")
    assert len(html) < 100_000
    browser.get(path.as_uri())
    browser.find_element(By.ID, "choose").send_keys(str(source))
    script = "return document.getElementById('film').readyState >= 1"
    assert wait(lambda: browser.execute_script(script))


def test_a_video_without_faces_has_a_page(source: Path, drawn: Path) -> None:
    empty = rows("a.mp4", 2.2)
    bare = VideoRows(
        video=empty.video | {"label": None, "confidence": None, "reason": "no_face",
                             share_column("calm"): None, share_column("glad"): None},
        segments=[], timeline=[], tracks=[], people=[], faces=[],
    )  # fmt: skip
    html = rendered(bare, source, drawn, embed_bytes=0)
    text = parsed(html, scripts=True).text
    assert "No label: no_face." in text
    assert "No face was tracked." in text


def test_the_shares_of_time_say_which_part_is_uncertain(source: Path, drawn: Path) -> None:
    """Calm for 1 s, glad for 1 s, and calm for half a second more, but not surely."""
    known = rows("a.mp4", 2.5)
    unsure = known.segments[0] | {"start_s": 2.0, "stop_s": 2.5, "is_uncertain": True}
    known = replace(known, segments=[*known.segments, unsure])
    text = " ".join(
        parsed(rendered(known, source, drawn, embed_bytes=0), scripts=True).text.split()
    )
    assert "calm 60.0% (uncertain 20.0%) glad 40.0%" in text
