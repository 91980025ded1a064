"""The web page in a real browser: upload a video, read its timeline, no console errors."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.helpers.drawing import number_frame, write_video
from tests.helpers.paths import ROOT
from tests.helpers.ports import free_port, wait_for_server

SERVER = """
import dataclasses, sys
from collections.abc import Mapping
from pathlib import Path
import uvicorn
from emotion.package.trust import Trust, TrustNote
from emotion.predict.answer import PersonPrediction, VideoPrediction
from emotion.predict.answer import SegmentPrediction as Run
from emotion.video.decode import Limits
from serve.web import create_web

LABELS = ("neutral", "happy", "sad", "angry", "surprise", "fear", "disgust")

Clip = dataclasses.make_dataclass("Clip", (
    "clip_id", "track_id", "identity_id", "start_s", "stop_s", "box", "num_faces", "quality",
    "label", "confidence", "probs"))

RUNS = (
    Run(0, 0, 0.0, 4.5, "happy", 0.6, "sad", 0.25), Run(0, 0, 4.5, 8.0, "angry", 0.7, None, 0.7),
    Run(1, 1, 2.0, 8.0, "fear", 0.5, "neutral", 0.1, True))
NOTE = TrustNote("drawn", 0.2, "do not trust it", "a test (9 videos)", {"happy": 0.8, "fear": 0.25})
PEOPLE = (PersonPrediction(0, 4.0, 0.5, 0.25, 0.5, 0.0, 0.0, 30.0, 0.0, 99.0, None, None),)

@dataclasses.dataclass(frozen=True)
class Package:
    model_id: str = "m0"
    name: str = "drawn"
    labels: tuple[str, ...] = LABELS
    trust: Trust = Trust(domain="drawn", margin=0.2)
    metrics: Mapping[str, object] = dataclasses.field(default_factory=dict)

class Scorer:
    package = Package()

    def predict(self, path):
        clips = []
        for track in (0, 1):
            for k in range(track, 4):
                probs = {name: 0.05 for name in LABELS}
                label = LABELS[(3 * track + k + 1) % 7]
                probs[label] = 0.7
                box = (20.0 + 150 * track, 40.0, 120.0 + 150 * track, 160.0)
                clips.append(Clip(
                    f"c{track}{k}", track, track, 2.0 * k, 2.0 * k + 2, box, 16, 0.9, label, 0.7,
                    probs))
        probs = dict(zip(LABELS, (0.1, 0.4, 0.1, 0.1, 0.1, 0.1, 0.1)))
        return VideoPrediction(
            str(path), 8.0, "happy", 0.4, probs, 0.875, None, 2, tuple(clips), RUNS, "m0", False,
            PEOPLE, NOTE)

web = create_web(
    Scorer(), limits=Limits(max_bytes=5_000_000, max_duration_s=60), prefixes=(), max_waiting=2)
uvicorn.run(web, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""


def draw_video(path: Path) -> Path:
    """Write eight seconds of VP9, which every Chromium plays."""
    images = [number_frame(k, hw=(240, 320)) for k in range(80)]
    return write_video(path, images, fps=10.0, codec="libvpx-vp9")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    port = free_port()
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(port)], env=environ, cwd=ROOT)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for_server(f"{address}/healthz", server, timeout_s=60)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_video(tmp_path_factory.mktemp("page") / "two faces.webm")


def screenshot(browser: webdriver.Chrome, name: str) -> None:
    """Save a screenshot to the folder that PAGE_SCREENSHOTS names, if it is set."""
    folder = os.environ.get("PAGE_SCREENSHOTS")
    if folder:
        height = browser.execute_script("return document.documentElement.scrollHeight")
        size = browser.get_window_size()
        browser.set_window_size(size["width"], height + 150)
        time.sleep(0.4)
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))
        browser.set_window_size(size["width"], size["height"])


def upload(browser: webdriver.Chrome, path: Path) -> None:
    browser.find_element(By.ID, "file").send_keys(str(path))


def shown(browser: webdriver.Chrome, element_id: str) -> bool:
    return browser.find_element(By.ID, element_id).is_displayed()


def console(browser: webdriver.Chrome) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser")]  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("width", [1200, 390])
def test_an_upload_draws_its_timeline(
    browser: webdriver.Chrome, url: str, video: Path, width: int
) -> None:
    browser.set_window_size(width, 900)
    browser.get(url)
    WebDriverWait(browser, 10).until(lambda b: "5 MB" in b.find_element(By.ID, "limits").text)
    screenshot(browser, f"empty-{width}")
    upload(browser, video)
    WebDriverWait(browser, 20).until(lambda b: shown(b, "result"))

    assert browser.find_element(By.ID, "overall-label").text == "happy"
    charts = browser.find_elements(By.CSS_SELECTOR, "#timeline svg")
    assert [chart.get_attribute("aria-label") for chart in charts] == [
        "Face 1: happy, angry",
        "Face 2: uncertain (fear)",
    ]
    titles = [one.text for one in browser.find_elements(By.CSS_SELECTOR, "#timeline h3")]
    assert titles == ["Face 1 · in view 50% of the time, usable 25%", "Face 2"]
    assert browser.find_element(By.ID, "warning").text == "Warning: do not trust it."
    assert browser.find_element(By.ID, "recall").text.endswith(
        "measured on a test (9 videos): happy 80%, fear 25%"
    )
    assert len(browser.find_elements(By.CSS_SELECTOR, "#timeline [data-clip]")) == 7
    assert len(browser.find_elements(By.CSS_SELECTOR, "#timeline rect[data-label]")) == 7 * 7
    bands = browser.find_elements(By.CSS_SELECTOR, "#timeline [data-band]")
    assert [band.get_attribute("data-band") for band in bands] == ["happy", "angry", "fear"]
    runs = browser.find_elements(By.CSS_SELECTOR, "#runs tbody tr")
    texts = [
        "0:00.0–0:04.5 1 happy 60%",
        "0:02.0–0:08.0 2 uncertain (fear) 50%",
        "0:04.5–0:08.0 1 angry 70%",
    ]
    next_best = [" sad 35%", " neutral 40%", ""] if width > 736 else [""] * 3
    assert [run.text for run in runs] == [a + b for a, b in zip(texts, next_best, strict=True)]
    legend = [item.text for item in browser.find_elements(By.CSS_SELECTOR, "#legend li")]
    assert legend == ["neutral", "happy", "sad", "angry", "surprise", "fear", "disgust"]
    rows = browser.find_elements(By.CSS_SELECTOR, "#clips tbody tr")
    assert rows[0].text.startswith("0:00.0") and len(rows) == 7
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= browser.execute_script("return innerWidth")
    script = (
        "const t = document.getElementById('runs'); return t.scrollWidth - t.parentNode.clientWidth"
    )
    assert browser.execute_script(script) <= 0  # no column is hidden

    rows[2].find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    WebDriverWait(browser, 10).until(
        lambda b: b.execute_script("return document.getElementById('video').currentTime") == 2
    )
    WebDriverWait(browser, 10).until(
        lambda b: len(b.find_elements(By.CSS_SELECTOR, "#boxes g")) == 2
    )
    runs[2].find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    WebDriverWait(browser, 10).until(
        lambda b: b.execute_script("return document.getElementById('video').currentTime") == 4.5
    )
    current = browser.find_elements(By.CSS_SELECTOR, "#runs tr[aria-current]")
    assert [row.text for row in current] == [runs[1].text, runs[2].text]
    screenshot(browser, f"result-{width}")
    assert console(browser) == []


def test_clips_that_overlap_do_not_cover_each_other(browser: webdriver.Chrome, url: str) -> None:
    """Check that a clip ends half-way to an overlapping one, and that a gap keeps both ends."""
    browser.get(url)
    script = """return columns([[0, 2], [1, 3], [2, 4], [6, 8]].map(
        ([start_s, stop_s]) => ({start_s, stop_s}))).map(({start, stop}) => [start, stop])"""
    assert browser.execute_script(script) == [[0, 1.5], [1.5, 2.5], [2.5, 4], [6, 8]]


def test_a_click_in_the_timeline_seeks(browser: webdriver.Chrome, url: str, video: Path) -> None:
    browser.set_window_size(1000, 900)
    browser.get(url)
    upload(browser, video)
    WebDriverWait(browser, 20).until(lambda b: shown(b, "result"))
    chart = browser.find_element(By.CSS_SELECTOR, "#timeline svg")
    chart.click()  # its middle: half of 8 s
    now = browser.execute_script("return document.getElementById('video').currentTime")
    assert now == pytest.approx(4.0, abs=0.05)


def test_a_file_that_is_no_video_is_explained(
    browser: webdriver.Chrome, url: str, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.mp4"
    notes.write_text("text in a file named .mp4\n")
    browser.get(url)
    upload(browser, notes)
    WebDriverWait(browser, 20).until(lambda b: shown(b, "alert"))
    text = browser.find_element(By.ID, "alert").text
    assert text.startswith("This file is not a video that this server can read.")
    assert not shown(browser, "result")
    assert ["422" in message for message in console(browser)] == [True]  # the browser logs the 422
    screenshot(browser, "error-1000")


def test_a_file_over_the_limit_is_not_sent(
    browser: webdriver.Chrome, url: str, tmp_path: Path
) -> None:
    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(5_000_001))
    browser.get(url)
    WebDriverWait(browser, 10).until(lambda b: "5 MB" in b.find_element(By.ID, "limits").text)
    upload(browser, large)
    WebDriverWait(browser, 5).until(lambda b: shown(b, "alert"))
    text = browser.find_element(By.ID, "alert").text
    assert text == "This file has 5.0 MB; the limit is 5 MB."
    assert console(browser) == []
