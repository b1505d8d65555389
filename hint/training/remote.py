"""Training tars elsewhere: in object storage, on a web server, wherever fsspec reads."""

from __future__ import annotations

import hashlib
import tarfile
import time
from collections.abc import Iterator
from typing import Any

import fsspec

from hint import settings
from hint.errors import InputError, MissingRequirementError, first_line, some_ids
from hint.files import write_bytes
from hint.training.tar_index import split_name
from hint.training.tars import expand_braces
from hint.workers import in_threads

#: Seconds before a tar whose reading failed is opened again.
_PAUSES = (1.0, 4.0, 16.0)

#: Bytes of the largest file in a tar.
_LARGEST = 1 << 28

#: Requests at the same time that look whether tars are there.
_REQUESTS = 32


def find_shards(place: str) -> list[str]:
    """Return the URLs of the tars of a set.

    Args:
        place: A pattern with braces; a folder, which ends with a slash; or a text file, ``.txt``, with one per line.

    Raises:
        MissingRequirementError: If any are missing, or the package that reads such URLs is.
    """
    try:
        if place.endswith("/"):
            system, folder = fsspec.core.url_to_fs(place)
            names = [path.rpartition("/")[2] for path in system.glob(f"{folder.rstrip('/')}/*.tar")]
            shards = [place + name for name in sorted(names)]
        elif place.endswith(".txt"):
            shards = fsspec.open(place, "rt").open().read().split()
        else:
            shards = expand_braces(place)
        missing = [url for url, there in in_threads(lambda url, _: _exists(url), shards, _REQUESTS) if not there]
    except ImportError as error:
        raise MissingRequirementError(f"{place}: {first_line(error)}") from error
    except (InputError, MissingRequirementError):
        raise
    except Exception as error:  # every file system raises types of its own
        raise MissingRequirementError(f"{place}: {first_line(error)}") from error
    if missing or not shards:
        raise MissingRequirementError(f"{place}: {_lacking(missing, shards)}")
    return shards


def _lacking(missing: list[str], shards: list[str]) -> str:
    return f"{len(missing)} of {len(shards)} tars are missing: {some_ids(sorted(missing))}" if shards else "no tars"


def _exists(url: str) -> bool:
    system, path = fsspec.core.url_to_fs(url)
    return bool(system.exists(path))


class Shard:
    """A tar that is read from its beginning to its end.

    Attributes:
        url: Where it is.
    """

    def __init__(self, url: str, filters: str) -> None:
        """Name a tar.

        Args:
            url: Where it is.
            filters: Which filters its hands are counted with.
        """
        self.url = url
        self._filters = filters

    def pictures(self) -> Iterator[tuple[str, dict[str, bytes]]]:
        """Yield the parts of each picture by suffix; a connection that breaks is opened again.

        Raises:
            InputError: If it cannot be read, or is cut off.
        """
        done = 0
        for pause in (*_PAUSES, None):
            try:
                for number, picture in enumerate(self._read()):
                    if number >= done:
                        yield picture
                        done = number + 1
            except GeneratorExit:
                raise
            except Exception as error:  # every file system raises types of its own
                if pause is None:
                    raise InputError(f"{self.url}: {first_line(error)}") from error
                time.sleep(pause)
            else:
                return

    def _read(self) -> Iterator[tuple[str, dict[str, bytes]]]:
        system, path = fsspec.core.url_to_fs(self.url)
        size = system.info(path)["size"]
        key, parts = "", dict[str, bytes]()
        with system.open(path, "rb") as file, tarfile.open(fileobj=file, mode="r|") as tar:
            for member in tar:
                name, suffix = split_name(member.name)
                content = tar.extractfile(member) if name and member.isfile() else None
                if content is None:
                    continue
                if name != key and parts:
                    yield key, parts
                    parts = {}
                if member.size > _LARGEST:
                    raise InputError(f"{member.name} has {member.size:,} bytes; a picture has {_LARGEST:,} at most")
                key, parts[suffix] = name, content.read()
            if size is not None and size < tar.offset + tarfile.BLOCKSIZE:
                raise InputError(f"not a complete tar ({size:,} bytes)")
        if parts:
            yield key, parts

    def known_count(self) -> int | None:
        """Return how many hands of it pass the filters, None if nobody has read it to its end."""
        path = self._count_file()
        try:
            return int(path.read_text())
        except (OSError, ValueError):
            return None

    def keep_count(self, count: int) -> None:
        """Remember how many hands of it pass the filters."""
        write_bytes(self._count_file(), str(count).encode(), sync=False)

    def _count_file(self) -> Any:
        system, path = fsspec.core.url_to_fs(self.url)
        identity = f"{self.url}|{system.ukey(path)}|{self._filters}"
        return settings.home() / "training-index" / f"{hashlib.sha256(identity.encode()).hexdigest()[:32]}.count"
