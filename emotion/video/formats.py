"""Video formats that may be opened, and the file names and first bytes of videos."""

import re

# FFmpeg also opens playlists (HLS, DASH, concat). They are left out: they name other files.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,dv"
SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".3gp",
    ".flv", ".mts", ".m2t", ".vob", ".wmv", ".asf", ".f4v", ".3g2", ".qt", ".divx", ".ogv", ".mxf",
    ".dv", ".m2v", ".mpe", ".mod", ".tod", ".trp",
)  # fmt: skip
"""Endings of file names that count as videos when a folder is listed; in any letter case."""

OTHER_SUFFIXES = (
    ".csv", ".tsv", ".txt", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".md", ".html", ".htm",
    ".pdf", ".log", ".py", ".ipynb", ".sh", ".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif",
    ".tiff", ".webp", ".heic", ".svg", ".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus",
    ".wma", ".srt", ".vtt", ".ass", ".eaf", ".textgrid", ".zip", ".gz", ".tar", ".7z", ".rar",
    ".bz2", ".xz", ".zst", ".parquet", ".npy", ".npz", ".pkl", ".h5", ".hdf5", ".mat", ".pt",
    ".pth", ".onnx", ".safetensors", ".db", ".sqlite", ".doc", ".docx", ".xls", ".xlsx", ".ppt",
    ".pptx", ".ini", ".cfg", ".toml", ".md5", ".sha256", ".exe", ".dll", ".so", ".nfo", ".thm",
    ".ifo", ".bup", ".cpi", ".mpl", ".bdm", ".part", ".tmp", ".crdownload",
)  # fmt: skip
"""Endings of file names that are no videos: such files are left out without being opened."""

HEAD_BYTES = 4096
"""Bytes at a file's beginning by which ``is_video`` recognises it."""

_MAGIC = re.compile(
    rb"....(?:ftyp(?!M4A |M4B |heic|mif1|avif)|moov|mdat|wide|free|skip|pnot)"  # mp4, QuickTime
    rb"|RIFF....AVI |\x1aE\xdf\xa3"  # AVI; Matroska, WebM
    rb"|FLV\x01|\x00\x00\x01[\xba\xb3]"  # Flash; MPEG program and video streams
    rb"|0&\xb2u\x8ef\xcf\x11"  # ASF, Windows Media
    rb"|\x06\x0e\+4\x02\x05\x01\x01|OggS.{24,}?(?:\x80theora|OVP80)",  # MXF; Ogg with video
    re.DOTALL,
)
_TS_PACKETS = (188, 192, 204)
"""Sizes of a transport stream's packets, bytes: plain, with time codes (.m2ts), with parity."""

SEEKABLE = frozenset({"mov", "mp4", "matroska", "webm"})
"""Containers with an index of keyframes by time, so that reading can start in the middle."""


def is_video(head: bytes) -> bool:
    """Return True if a file with these first bytes is a video in a container of ``FORMATS``.

    Args:
        head: the first ``HEAD_BYTES`` bytes, or all of a smaller file.

    >>> is_video(b"\\0\\0\\0\\x18ftypisom"), is_video(b"uri,label"), is_video(b"")
    (True, False, False)
    """
    return bool(_MAGIC.match(head)) or any(_is_transport(head, size) for size in _TS_PACKETS)


def _is_transport(head: bytes, size: int) -> bool:
    """Return True if packets of ``size`` bytes begin with a transport stream's sync byte."""
    first = size - 188 if size == 192 else 0
    syncs = head[first::size]
    return len(syncs) >= 5 and set(syncs) == {0x47}
