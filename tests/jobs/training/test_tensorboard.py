"""Curves in the format of TensorBoard: its records and its protocol buffers."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from tensorboardX.proto.event_pb2 import Event  # type: ignore[import-untyped]

from emotion.train.history import EpochRow
from jobs.training.tensorboard import FILE, SCALARS, Curves


def crc32c(data: bytes) -> int:
    """Compute Castagnoli's checksum bit by bit (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked_crc(data: bytes) -> int:
    """Return the checksum with the mask of TFRecord."""
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def read_events(data: bytes) -> list[Event]:
    """Read records of length, its checksum, payload and its checksum."""
    events, at = [], 0
    while at < len(data):
        head = data[at : at + 8]
        (length,) = struct.unpack("<Q", head)
        body = data[at + 12 : at + 12 + length]
        checks = struct.unpack("<I", data[at + 8 : at + 12])
        checks += struct.unpack("<I", data[at + 12 + length : at + 16 + length])
        assert checks == (masked_crc(head), masked_crc(body))
        events.append(Event.FromString(body))
        at += 16 + length
    return events


def row(epoch: int) -> EpochRow:
    return EpochRow(epoch, 2.0, 1.5, 0.25, 0.5 * epoch, 3.0, 10.0, [[3, 1], [0, 4]], lr=0.125)


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # its published check value


@pytest.mark.parametrize("epochs", [(), (1, 2)], ids=["none", "two"])
def test_tensorboard_reads_scalars_and_pictures(epochs: tuple[int, ...], store: str) -> None:
    from emotion import storage

    with Curves(store) as curves:
        for epoch in epochs:
            curves.add(row(epoch))
            assert storage.exists(f"{store}/{FILE}")  # visible during the run
    if not epochs:
        assert not storage.exists(f"{store}/{FILE}")
        return
    first, *events = read_events(storage.read_bytes(f"{store}/{FILE}"))
    assert first.file_version == "brain.Event:2"
    values = [(e.step, v) for e in events for v in e.summary.value]
    scalars = {(step, v.tag): v.simple_value for step, v in values if not v.HasField("image")}
    wanted = {(e, name): getattr(row(e), name) for e in epochs for name in SCALARS}
    assert scalars == pytest.approx(wanted)
    pictures = {step: v.image for step, v in values if v.HasField("image")}
    assert sorted(pictures) == [1, 2]
    png = np.frombuffer(pictures[1].encoded_image_string, np.uint8)
    image = cv2.imdecode(png, cv2.IMREAD_GRAYSCALE)
    assert image is not None and image[::24, ::24].tolist() == [[63, 191], [255, 0]]


def test_a_file_name_that_tensorboard_looks_for() -> None:
    assert "tfevents" in FILE and Path(FILE).name == FILE
