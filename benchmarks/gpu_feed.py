"""Decoding and detection on all CPU cores that feed a model, for benchmarks.gpu."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from emotion.extract.align import crop_face
from emotion.extract.yunet import YuNet

CLIP_LEN, CROP_PX = 16, 112


def clips_of_video(given: tuple[str, str]) -> list[Any]:
    """Return the clips, (16, 112, 112, 3) uint8, of the largest face in every frame of a video.

    OpenCV decodes, YuNet looks at 320 pixels: the sampler and the tracker are left out.
    """
    video, yunet = given
    cv2.setNumThreads(1)
    detect = YuNet(Path(yunet).read_bytes(), min_score=0.6)
    capture, crops, clips = cv2.VideoCapture(video), list[Any](), list[Any]()
    while True:
        is_frame, image = capture.read()
        if not is_frame:
            return clips
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        scale = 320 / max(rgb.shape[:2])
        faces = detect(np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale), np.uint8))
        if len(faces):
            landmarks = np.asarray(faces[0, 4:14].reshape(5, 2) / scale, np.float32)
            frame = np.asarray(rgb, np.uint8)
            crops.append(crop_face(frame, landmarks, landmarks_by="yunet", crop_px=CROP_PX))
        if len(crops) == CLIP_LEN:
            clips.append(np.stack(crops))
            crops = []


def fed_clips_per_s(
    answer: Callable[[Tensor], object], video: str, yunet: str, *, batch: int, seconds: float
) -> dict[str, float]:
    """Return how fast decoding and detection on all CPU cores feed a model.

    Args:
        answer: called with (N, 16, 112, 112, 3) uint8 clips, N at most ``batch``.
        video: a video file with a face, which every core reads again and again.
        yunet: YuNet's ONNX file.
        batch: clips per call.
        seconds: time after which no reading of the video begins.

    Returns:
        ``cores``; ``clips_per_s``; and ``model_busy``, the share of the time in ``answer``.
    """
    cores = len(os.sched_getaffinity(0))
    waiting: list[Any] = []
    clips, busy_s, began = 0, 0.0, time.perf_counter()
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(clips_of_video, (video, yunet)) for _ in range(cores)]
        while jobs:
            waiting += jobs.pop(0).result()
            if time.perf_counter() - began < seconds:
                jobs.append(pool.submit(clips_of_video, (video, yunet)))
            while len(waiting) >= batch or (waiting and not jobs):
                some, waiting = waiting[:batch], waiting[batch:]
                start = time.perf_counter()
                answer(torch.from_numpy(np.stack(some)))
                busy_s += time.perf_counter() - start
                clips += len(some)
    took_s = time.perf_counter() - began
    return {"cores": cores, "clips_per_s": clips / took_s, "model_busy": busy_s / took_s}
