"""Old name of ``emotion.video.decode``, for scripts that were written before it moved."""

from emotion.video.decode import Frame, Limits, VideoFacts, sample_frames

__all__ = ["Frame", "Limits", "VideoFacts", "sample_frames"]
