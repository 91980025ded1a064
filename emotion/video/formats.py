"""Video formats that may be opened, and the file names that count as videos."""

# FFmpeg also opens playlists (HLS, DASH, concat). They are left out: they name other files.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv"
SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".3gp",
    ".flv",
)  # fmt: skip
"""Endings of file names that count as videos when a folder is listed."""

SEEKABLE = frozenset({"mov", "mp4", "matroska", "webm"})
"""Containers with an index of keyframes by time, so that reading can start in the middle."""
