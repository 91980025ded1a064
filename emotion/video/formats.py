"""Video formats that may be opened, and the file names that count as videos."""

# No playlists (HLS, DASH, concat), which FFmpeg also opens: they name other files and addresses.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv"
SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".3gp",
    ".flv",
)  # fmt: skip
"""Endings of file names that count as videos when a folder is listed."""

SEEKABLE = frozenset({"mov", "mp4", "matroska", "webm"})
"""Containers with an index of keyframes by time, so that reading can start in the middle."""
