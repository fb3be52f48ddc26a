"""Archive in a folder: one compressed file an item, written whole or not at all."""

import gzip
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..codec import dumps, loads
from ..domain.errors import LedgerUnavailable

READABLE = str.maketrans({"/": "_", "#": ".", ":": "", "+": "_"})


class FolderArchive:
    """`root/<what>/<month of the hash>/…json.gz`. Raises LedgerUnavailable when the disk refuses."""

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
                raise LedgerUnavailable(f"cannot archive {path}, was {wrong}") from wrong
            else:
                return item
        return await self.get(key, type(item))

    async def get(self, key: str, kind: type) -> Any:
        try:
            content = self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as wrong:
            raise LedgerUnavailable(f"cannot read the archive {self._path(key)}, was {wrong}") from wrong
        return loads(kind, gzip.decompress(content))

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
        draft.write_bytes(content)
        try:
            os.link(draft, path)
        finally:
            draft.unlink()

    def _path(self, key: str) -> Path:
        what, _, name = key.partition("/")
        seal = sha256(name.encode()).hexdigest()
        readable = "".join(c for c in name.translate(READABLE) if c.isalnum() or c in "._-")[:80]
        return self._root / what / seal[:2] / f"{readable}.{seal[:16]}.json.gz"
