"""Fixtures of all tests: an S3 server, a local Ray, a browser, shared data, a corpus."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from s3fs import S3FileSystem

from tests.helpers.paths import SHARED

MOTO_ENV = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
}

LARGE_FIXTURES = {"local_ray", "browser", "dataset", "scores"}
"""Fixtures that run programs or jobs; tests with one of them are not quick."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that write to S3 with ``s3``, and tests without large programs with ``quick``.

    All tests of a file that starts a Ray are marked with ``ray``.
    """
    with_ray = {item.path for item in items if _starts_ray(item)}
    for item in items:
        if item.path in with_ray:
            item.add_marker("ray")
        fixtures = set(getattr(item, "fixturenames", ()))
        if "s3_server" in fixtures:
            item.add_marker("s3")
        large = any(item.get_closest_marker(name) for name in ("s3", "slow", "large"))
        if not large and fixtures.isdisjoint(LARGE_FIXTURES):
            item.add_marker("quick")


def _starts_ray(item: pytest.Item) -> bool:
    """Return True if a test uses the local Ray, or its file starts jobs or nodes of its own."""
    names = vars(item.module) if isinstance(item, pytest.Function) else {}
    starts_its_own = not {"Job", "Nodes", "Head"}.isdisjoint(names)
    return starts_its_own or "local_ray" in getattr(item, "fixturenames", ())


@pytest.fixture(autouse=True)
def plain_scheduling() -> Iterator[None]:
    """Fail a test that leaves this process with another scheduling policy.

    The programs that later tests start would inherit it; see ``tests.helpers.drawing``.
    """
    before = os.sched_getscheduler(0)
    yield
    assert os.sched_getscheduler(0) == before


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Start an S3 server, and name it in the environment of this process and its children.

    Moto, or the server of ``make test-s3``: the one that AWS_ENDPOINT_URL names when
    TEST_REAL_S3=1.
    """
    if os.environ.get("TEST_REAL_S3") == "1":
        S3FileSystem.clear_instance_cache()
        yield os.environ["AWS_ENDPOINT_URL"]
        return
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (MOTO_ENV | {"AWS_ENDPOINT_URL": url}).items():
            patch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
            patch.delenv(name, raising=False)
        S3FileSystem.clear_instance_cache()
        yield url
        S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.fixture
def s3(s3_server: str) -> Iterator[str]:
    """Make an empty bucket for one test, as ``s3://NAME``; empty and remove it afterwards."""
    client = boto3.client("s3", endpoint_url=s3_server)
    name = f"test-{uuid.uuid4().hex[:16]}"
    client.create_bucket(Bucket=name)
    yield f"s3://{name}"
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
        for entry in page.get("Contents", []):
            client.delete_object(Bucket=name, Key=entry["Key"])
    client.delete_bucket(Bucket=name)
    client.close()


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.s3)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return a place to write to: a local folder, then a bucket."""
    if request.param == "folder":
        return str(tmp_path / "store")
    return str(request.getfixturevalue("s3"))


@pytest.fixture(scope="session")
def local_ray(s3_server: str) -> Iterator[None]:
    """Start one local Ray for all tests; its workers reach ``s3_server``."""
    from jobs.common import cluster

    with cluster.session("local"):
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of shared data; where there is none, skip, or fail if REQUIRE_SHARED=1."""
    if not SHARED.is_dir():
        missing = f"no shared data at {SHARED}"
        if os.environ.get("REQUIRE_SHARED") == "1":
            pytest.fail(f"REQUIRE_SHARED=1, but there is {missing}")
        pytest.skip(missing)
    return SHARED


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Render six videos of three people, with a label table: labels.csv and videos/."""
    from emotion.splits import SPLITS
    from emotion.synth.clip import render_clip

    root = tmp_path_factory.mktemp("corpus")
    lines = ["uri,subject_id,label,split,fold,skin_tone,fps"]
    for subject, split in enumerate(SPLITS):
        (root / f"videos/s{subject}").mkdir(parents=True)
        for label in ("happy", "surprise"):
            uri = f"videos/s{subject}/{label}.mp4"
            facts = render_clip(root / uri, seed=5, subject=subject, label=label)
            lines.append(f"{uri},s{subject},{label},{split},{subject},tone {subject},{facts.fps}")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a model package with random weights, for clips by the dlib detector."""
    import torch

    from emotion.extract.detect import spec_for
    from emotion.labels import LABELS
    from emotion.models.registry import build_model
    from emotion.package.model_package import (
        ModelPackage,
        package_versions,
        save_package,
        weights_bytes,
    )

    torch.manual_seed(3)
    model = build_model("r3d_lite", len(LABELS), {})
    out = tmp_path_factory.mktemp("model") / "package"
    save_package(
        str(out),
        ModelPackage(
            name="r3d_lite",
            args={},
            labels=LABELS,
            spec=spec_for("dlib"),
            weights=weights_bytes(model.state_dict()),
            training={},
            metrics={},
            versions=package_versions(),
        ),
    )
    return out


@pytest.fixture(scope="session")
def dataset(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a dataset of the corpus; tests must not change it."""
    from tests.helpers.building import build

    out = tmp_path_factory.mktemp("built") / "dataset"
    assert build(corpus, out) == 0
    return out


@pytest.fixture(scope="session")
def scores(corpus: Path, package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Score the corpus with the package; tests must not change the score set."""
    from tests.helpers.scoring import score

    out = tmp_path_factory.mktemp("scored") / "scores"
    assert score(corpus, package, out) == 0
    return out


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start a headless Chromium driven by Selenium, which keeps its console's messages.

    The test is skipped where there is none.
    """
    from selenium import webdriver

    chromium, driver_path = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver_path is None:
        pytest.skip("no chromium and chromedriver; run tests/install_tools.sh")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_path))
    yield driver
    driver.quit()
