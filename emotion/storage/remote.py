"""File systems of other machines, through fsspec."""

from __future__ import annotations

import os
from typing import Any

import fsspec

from emotion.errors import InputError
from emotion.storage.addresses import Address

S3_CONFIG: dict[str, Any] = {
    # Standard mode waits up to 20 s between tries, with jitter: about 45 s in all.
    "retries": {"mode": "standard", "max_attempts": 10},
    "connect_timeout": 10,
    "read_timeout": 60,
}
"""botocore settings of every S3 client of the project; a client retries for about 45 s."""


def filesystem(uri: str) -> tuple[Any, str]:
    """Return the fsspec file system of a remote address, and the path inside it.

    fsspec is untyped, hence ``Any``. ``fsspec.url_to_fs`` is not used: it divides an address at
    ``::``, which may be a part of a name.

    Raises:
        InputError: if no installed package reads this kind of address, or ``AWS_ENDPOINT_URL`` has
            no scheme.
    """
    address = Address.parse(uri)
    options: dict[str, Any] = {"use_listings_cache": False}
    if address.scheme == "s3":
        check_endpoint()
        options |= {"config_kwargs": S3_CONFIG, "anon": is_unsigned()}
    try:
        kind: Any = fsspec.get_filesystem_class(address.scheme)
        if address.scheme == "s3":
            fs = kind(**options)
            fs.split_path = _S3Path(fs)
            return fs, address.path
        path = kind._strip_protocol(str(address))
        return kind(**kind._get_kwargs_from_urls(str(address)), **options), path
    except ImportError as err:
        raise InputError(f"{uri}: {err}; install the package that reads this address") from err
    except ValueError as err:
        raise InputError(f"{uri}: {err}") from err


def check_endpoint() -> None:
    """Check the addresses of S3 servers in the environment.

    Raises:
        InputError: if one of them does not begin with http:// or https://.
    """
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        url = os.environ.get(name)
        if url and not url.startswith(("http://", "https://")):
            raise InputError(f"{name} is {url!r}, it must begin with http:// or https://")


def is_unsigned() -> bool:
    """Return True if ``AWS_NO_SIGN_REQUEST`` asks for requests without credentials.

    Public buckets answer them.
    """
    return os.environ.get("AWS_NO_SIGN_REQUEST", "").lower() in ("yes", "true", "on", "1")


class _S3Path:
    """Division of s3fs's paths into bucket and key, without a meaning of ``?versionId=``.

    s3fs would cut the key there, and read another object.
    """

    def __init__(self, fs: Any) -> None:
        self._bucket_of = type(fs).split_path
        self._fs = fs

    def __call__(self, path: str) -> tuple[str, str, None]:
        """Return the bucket, the key, and None for the version."""
        bucket = self._bucket_of(self._fs, path)[0]
        return bucket, path.split(bucket, 1)[1].removeprefix("/"), None
