"""What is left out of each layer, and how a library is stripped: with less to unpack, a function starts sooner."""

import re
import shutil
import struct
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

# What no function reads at run time, wherever it lies.
FOLDERS = frozenset({"__pycache__", "bin", "include", "test", "tests"})
FILES = (".lock", "*.a", "*.c", "*.cpp", "*.h", "*.hpp", "*.pxd", "*.pxi", "*.pyi", "*.pyx", "py.typed")
# versions are asked for by importlib.metadata, plugs found by entry points
ABOUT = frozenset({"METADATA", "entry_points.txt"})

SERVICES = frozenset({"apigatewaymanagementapi", "dynamodb", "events", "lambda", "s3", "ssm", "sts"})
# The venues a setting may name; a family shares a module with the first of it.
VENUES = frozenset({
    "binance", "binancecoinm", "binanceus", "binanceusdm", "coinbase", "coinbaseexchange", "gate", "gateeu",
    "hyperliquid", "kraken", "krakenfutures", "kucoin", "kucoinfutures", "mexc", "okx",
})  # fmt: skip


class Recipe(NamedTuple):
    """`beside`: layers always worn with it, so what they hold is not in it again. `omits`: packages nothing here calls.
    `drops`: what goes, but for `keeps`; as patterns of paths under python/."""

    beside: tuple[str, ...] = ("core",)
    omits: frozenset[str] = frozenset()
    drops: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()


RECIPES = {
    "core": Recipe(
        beside=(),
        drops=("botocore/data/*/*", "boto3/data/*/*", "boto3/examples/*"),
        keeps=tuple(f"boto*/data/{service}/*" for service in sorted(SERVICES)),
    ),
    # uvloop is a choice of ccxt's; coincurve signs orders, and none is; cffi reads C by pycparser, and is given none
    "market": Recipe(
        omits=frozenset({"uvloop", "coincurve", "pycparser"}),
        drops=("ccxt/*.py", "ccxt/*/*"),
        keeps=(
            *("ccxt/__init__.py", "ccxt/base/*", "ccxt/async_support/base/*"),
            *(f"ccxt/{folder}/{name}.py" for name in ("__init__", *sorted(VENUES)) for folder in (
                "abstract", "async_support",
            )),
        ),
    ),
    "feeds": Recipe(),
    "analysis": Recipe(
        drops=(
            "numpy/f2py/*",
            "fontTools/*",
            "matplotlib/mpl-data/*",
            *(f"PIL/_{name}.*" for name in ("avif", "imagingcms", "imagingft", "imagingtk", "webp")),
            *(f"pillow.libs/lib{name}[-.]*" for name in (
                "avif", "brotlicommon", "brotlidec", "freetype", "harfbuzz", "lcms2", "png16", "sharpyuv", "webp",
                "webpdemux", "webpmux",
            )),
        ),
        keeps=(
            *(f"fontTools/{name}.py" for name in ("__init__", "agl")),
            *(f"fontTools/misc/{name}.py" for name in ("__init__", "loggingTools", "textTools")),
            "matplotlib/mpl-data/matplotlibrc",
            "matplotlib/mpl-data/stylelib/*",
            *(f"matplotlib/mpl-data/fonts/ttf/{name}.ttf" for name in (
                "DejaVuSans", "DejaVuSans-Bold", "LastResortHE-Regular",
            )),
        ),
    ),
    # whoever asks a model looks at the market too
    "llm": Recipe(beside=("core", "market")),
    "api": Recipe(),
}  # fmt: skip


def strip(python: Path, recipe: Recipe, tool: str | None) -> list[str]:
    """Takes out of the folder what no function reads. Returns the libraries that `tool` could not make smaller."""
    for path in sorted(python.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif _is_left_out(path.relative_to(python), recipe):
            path.unlink()
    if (python / "ccxt").is_dir():
        for package in ("ccxt", "ccxt/async_support"):
            _without_absent(python / package, package.replace("/", "."))
    return [path.name for path in sorted(python.rglob("*.so*")) if not tool or not _smaller(path, tool)]


def _is_left_out(path: Path, recipe: Recipe) -> bool:
    top, name = path.parts[0], path.as_posix()
    if top.endswith(".dist-info"):
        return path.name not in ABOUT
    if FOLDERS & set(path.parts[:-1]) or any(fnmatch(path.name, pattern) for pattern in FILES):
        return True
    return _like(name, recipe.drops) and not _like(name, recipe.keeps)


def _like(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _without_absent(folder: Path, package: str) -> None:
    """ccxt's packages import every venue by a line each, and list it: without those that are not here."""
    init, gone, kept = folder / "__init__.py", set(), []
    for line in init.read_text(encoding="utf-8").splitlines(keepends=True):
        imported = re.match(rf"from {re.escape(package)}\.(\w+) import ", line)
        if imported and not ((folder / imported[1]).is_dir() or (folder / f"{imported[1]}.py").exists()):
            gone.add(f"'{imported[1]}',")
        elif line.strip() not in gone:
            kept.append(line)
    init.write_text("".join(kept), encoding="utf-8")


# --- libraries ------------------------------------------------------------------------------------------------------

LOADED = 1  # PT_LOAD
HEAD = "<16xHHIQQQIHHHHHH"
SEGMENT = "<IIQQQQQQ"


def _smaller(path: Path, tool: str) -> bool:
    """Strips one library; takes the result only when what a loader maps of it is the same, byte for byte.

    The wheels' libraries were patched after linking, which a stripping tool may not understand, and those of another
    architecture cannot be tried here."""
    out = path.with_name(path.name + ".stripped")
    done = subprocess.run([tool, "--strip-unneeded", "-o", out, path], capture_output=True, check=False)  # noqa: S603
    try:
        if done.returncode or not out.exists() or out.stat().st_size >= path.stat().st_size:
            return not done.returncode
        if not _loads_the_same(path.read_bytes(), out.read_bytes()):
            return False
        shutil.copyfile(out, path)
        return True
    finally:
        out.unlink(missing_ok=True)


def _loads_the_same(one: bytes, other: bytes) -> bool:
    try:
        return list(_mapped(one)) == list(_mapped(other))
    except (ValueError, struct.error):
        return False


def _mapped(library: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Of each loaded segment: flags, address, size in memory, content; without the headers, which say what is where.
    Raises struct.error for what is no ELF of 64 bits, and ValueError for a segment that no loader could map."""
    _, _, _, _, start, _, _, size, each, count, *_ = struct.unpack_from(HEAD, library)
    for number in range(count):
        kind, flags, offset, address, _, length, room, align = struct.unpack_from(
            SEGMENT, library, start + number * each
        )
        if kind != LOADED:
            continue
        if align > 1 and offset % align != address % align:
            raise ValueError(f"a segment lies where it cannot be mapped, was {offset:#x} for {address:#x}")
        content = library[offset : offset + length]
        if not offset:
            content = content[max(size, start + each * count) :]
        yield flags, address, room, content
