"""Files and folders by address: a local path, ``file://`` or ``s3://`` (any fsspec scheme).

Writes are atomic per object: a reader sees either the old bytes or the new bytes. Listings are not
cached, so that a run sees the files that the previous run wrote.
"""

from emotion.storage.addresses import absolute, is_local, join, relative_to
from emotion.storage.contents import json_bytes, read_json, sha256, write_json
from emotion.storage.objects import (
    S3_CONFIG,
    FileInfo,
    check_writable,
    create_bytes,
    exists,
    is_file,
    is_folder,
    list_files,
    local_copy,
    open_input,
    put_file,
    read_bytes,
    read_many,
    remove,
    stat,
    write_bytes,
)
from emotion.storage.parquet import (
    Group,
    count_rows,
    list_parts,
    open_parquet,
    part_groups,
    read_batches,
    read_group,
    read_groups,
    read_part,
    read_tables,
    rebatch,
    write_table,
)

__all__ = [
    "FileInfo",
    "Group",
    "S3_CONFIG",
    "absolute",
    "check_writable",
    "count_rows",
    "create_bytes",
    "exists",
    "is_file",
    "is_folder",
    "is_local",
    "join",
    "json_bytes",
    "list_files",
    "list_parts",
    "local_copy",
    "open_input",
    "open_parquet",
    "part_groups",
    "put_file",
    "read_batches",
    "read_bytes",
    "read_group",
    "read_groups",
    "read_json",
    "read_many",
    "read_part",
    "read_tables",
    "rebatch",
    "relative_to",
    "remove",
    "sha256",
    "stat",
    "write_bytes",
    "write_json",
    "write_table",
]
