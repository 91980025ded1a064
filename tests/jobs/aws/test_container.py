"""The container's ``train`` in a tree like /opt/ml: roles, flags, failures."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from emotion.errors import InputError
from jobs import sagemaker_train
from jobs.aws.container import (
    Tree,
    copy_package,
    find_dataset,
    read_hyperparameters,
    train_flags,
)
from jobs.aws.hosts import (
    Hosts,
    join_head,
    parse_hosts,
    read_hosts,
    wait_for_nodes,
    wait_until_gone,
)

pytestmark = pytest.mark.large

KNOWN = {"model", "epochs", "batch_size"}


def test_a_machine_alone_has_no_resourceconfig(tmp_path: Path) -> None:
    assert read_hosts(tmp_path / "resourceconfig.json") == Hosts("localhost", ("localhost",))


@pytest.mark.parametrize(
    ("current", "is_head"), [("algo-1", True), ("algo-2", False), ("algo-10", False)]
)
def test_every_host_finds_the_same_head(current: str, is_head: bool) -> None:
    text = json.dumps({"current_host": current, "hosts": ["algo-2", "algo-10", "algo-1"]})
    hosts = parse_hosts(text)
    assert (hosts.head, hosts.is_head) == ("algo-1", is_head)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"current_host": "algo-3", "hosts": ["algo-1"]}']
)
def test_an_invalid_resourceconfig_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"resourceconfig\.json"):
        parse_hosts(text)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"epochs": "3"}, {"epochs": "3"}),
        ({"epochs": 3, "batch-size": "8"}, {"epochs": "3", "batch_size": "8"}),
        ({"model": '"r3d_lite"'}, {"model": "r3d_lite"}),
        ({"sagemaker_region": '"us-east-1"'}, {}),
    ],
    ids=["none", "text", "number and dash", "the SDK's JSON", "SageMaker's own"],
)
def test_hyperparameters_are_flags(given: dict[str, object], expected: dict[str, str]) -> None:
    assert read_hyperparameters(json.dumps(given), known=KNOWN) == expected


@pytest.mark.parametrize("text", ["", "[1]", '{"colour": "red"}', '{"dataset": "/d"}'])
def test_a_wrong_hyperparameter_is_named(text: str) -> None:
    with pytest.raises(InputError, match=r"hyperparameter"):
        read_hyperparameters(text, known=KNOWN)


def test_flags_are_those_of_the_train_job() -> None:
    flags = train_flags({"batch_size": "8"}, dataset="/d", out="/o", address="h:1")
    assert flags == ["--dataset", "/d", "--out", "/o", "--address", "h:1", "--batch-size", "8"]


def test_a_dataset_channel_is_taken_as_it_is(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    with pytest.raises(InputError, match="no channel 'dataset' and no channel 'videos'"):
        find_dataset(tree, num_hosts=1)
    tree.channel("videos").mkdir(parents=True)
    with pytest.raises(InputError, match="one host"):
        find_dataset(tree, num_hosts=2)
    tree.channel("dataset").mkdir()
    assert find_dataset(tree, num_hosts=2) == str(tree.channel("dataset"))


def test_the_package_lies_where_sagemaker_packs_it(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    with pytest.raises(InputError, match="no package"):
        copy_package(str(tree.run / "package"), tree.model)
    (tree.run / "package").mkdir(parents=True)
    (tree.run / "package" / "model.json").write_text("{}")
    copy_package(str(tree.run / "package"), tree.model)
    assert (tree.model / "model.json").read_text() == "{}"


def test_a_failure_is_written_to_the_file_that_sagemaker_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = Tree(tmp_path)
    tree.hyperparameters.parent.mkdir(parents=True)
    tree.hyperparameters.write_text('{"colour": "red"}')
    assert sagemaker_train.main(["train", "--root", str(tmp_path)]) == 1
    reason = tree.failure.read_text()
    assert reason.startswith("hyperparameter 'colour' is not one of ")
    assert capsys.readouterr().err == f"error: {reason}\n"


def test_a_worker_ends_when_its_head_is_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as head:
        port = head.getsockname()[1]
        hosts = Hosts("127.0.0.2", ("127.0.0.1", "127.0.0.2"))
        waiting = threading.Thread(
            target=wait_until_gone, args=(hosts,), kwargs={"port": port, "poll_s": 0.02}
        )
        waiting.start()
        waiting.join(timeout=0.3)
        assert waiting.is_alive()
    waiting.join(timeout=5)
    assert not waiting.is_alive()


@pytest.mark.usefixtures("local_ray")
def test_a_missing_host_is_an_error() -> None:
    wait_for_nodes(1, timeout_s=0.1)
    with pytest.raises(InputError, match=r"1 of 2 hosts joined within 0\.1 s"):
        wait_for_nodes(2, timeout_s=0.1)


def test_a_missing_head_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    hosts = Hosts("127.0.0.2", ("127.0.0.1", "127.0.0.2"))
    with pytest.raises(InputError, match=f"no Ray head answers at 127.0.0.1:{port}"):
        join_head(hosts, port=port, timeout_s=0.1)
