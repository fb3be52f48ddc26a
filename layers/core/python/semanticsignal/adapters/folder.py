"""Archive in a folder: one compressed file an item, written whole or not at all."""

import gzip
import os
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..codec import dumps, loads
from ..domain.errors import ArchiveUnavailable

READABLE = str.maketrans({"/": "_", "#": ".", ":": "", "+": "_"})


class FolderArchive:
    """`root/<what>/<start of the hash>/<name>.<hash>.json.gz`. Raises ArchiveUnavailable when the disk refuses."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, key: str, item: Any) -> Any:
        path = self._path(key)
        if not path.exists():
            try:
                self._write(path, gzip.compress(dumps(item), compresslevel=1, mtime=0))
            except FileExistsError:
                pass  # another writer was first, and first write wins
            except OSError as wrong:
                raise ArchiveUnavailable(f"cannot archive {path}, was {wrong}") from wrong
            else:
                return item
        return await self.get(key, type(item))

    async def get(self, key: str, kind: type) -> Any:
        try:
            content = self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as wrong:
            raise ArchiveUnavailable(f"cannot read the archive {self._path(key)}, was {wrong}") from wrong
        try:
            return loads(kind, gzip.decompress(content))
        except (OSError, EOFError, zlib.error) as wrong:
            raise ArchiveUnavailable(f"a damaged file in the archive, {self._path(key)}, was {wrong!r}") from wrong

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # a name must never point at bytes that a power cut can still lose
        try:
            os.link(draft, path)
        finally:
            draft.unlink()

    def _path(self, key: str) -> Path:
        what, _, name = key.partition("/")
        seal = sha256(key.encode()).hexdigest()
        return self._root / _readable(what) / seal[:2] / f"{_readable(name)}.{seal[:16]}.json.gz"


def _readable(text: str) -> str:
    """For people who look into the folder; the hash tells keys apart, and no key leads out of it."""
    return "".join(c for c in text.translate(READABLE) if c.isalnum() or c in "._-").strip(".")[:80] or "_"
