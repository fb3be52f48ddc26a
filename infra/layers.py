"""`python -m infra.layers`: what each function wears, built from the one lock; no Docker, the same bytes each time.

layers/build/arm64/core/python/…   what Lambda finds under /opt/python
layers/build/arm64/core.zip        the same, packed
layers/build/arm64/core.json       what it was made of: nothing changed, nothing built"""

import argparse
import fcntl
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LAYERS, FUNCTIONS, LOCK = ROOT / "layers", ROOT / "functions", ROOT / "requirements.lock"
BUILD, RECIPE = LAYERS / "build", Path(__file__).with_name("recipes.py")
OURS = Path("python/semanticsignal")
PYTHON, NEAREST = "3.13", ("3.13", "3.12", "3.11")
# Another number builds every layer again: for a change of this program that changes what it makes.
FORM = "1"

# Which layers each function wears, as few as it can. THE table: the deployment, the tests and the bench read it.
WEARS: dict[str, tuple[str, ...]] = {
    "collect": ("core", "market"),
    "analyse": ("core", "analysis"),
    "decide": ("core", "market", "llm"),
    "execute": ("core", "market"),
    "watch": ("core", "market"),
    "reflect": ("core",),
    "review": ("core", "market", "llm"),
    "memory": ("core",),
    "show": ("core", "market"),
    "sockets": ("core",),
    # its charts are drawn when somebody looks, of bars that may have to be asked for again
    "api": ("core", "market", "analysis", "api"),
    # its charts are drawn where no model has seen one; prices are said by a venue's ticks
    "notify": ("core", "market", "analysis"),
    "context": ("core",),
    "news": ("core", "feeds"),
}
NAMES = ("core", "market", "feeds", "analysis", "llm", "api")
# AWS's own limits, but for who asks models: they wear most, and grow with each of them
MOST_LAYERS, MOST_MB, OWN_MB = 5, 250, {"decide": 200, "review": 200}
PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
MACHINES = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "AMD64": "x86_64"}
# All a compiler of byte-code is told of this machine: sets of constants come out in one order.
BARE = {"PATH": os.defpath, "PYTHONHASHSEED": "0"}
STAMPED = (1980, 1, 1, 0, 0, 0)


class Target(NamedTuple):
    """Where the layers run. `platform` is uv's name for it, None for this very machine."""

    name: str
    python: str
    platform: str | None


class BuildFailed(Exception):
    """What a tool said when it could not go on."""


def target(arch: str, python: str = PYTHON) -> Target:
    """arm64 and x86_64 are Lambda's; `host` is this machine, with Python 3.13 or the nearest that is here."""
    if arch != "host":
        return Target(arch if python == PYTHON else f"{arch}-py{python}", python, PLATFORMS[arch])
    found = next((version for version in NEAREST if interpreter(version)), PYTHON)
    machine = MACHINES.get(platform.machine(), platform.machine())
    if platform.libc_ver()[0] == "glibc" and machine in PLATFORMS:
        return target(machine, found)
    return Target(f"{platform.system().lower()}-{machine}-py{found}", found, None)


def folder(layer: str, arch: str = "arm64") -> Path | None:
    """The folder that holds `python/`, when it was built from what the repository says now."""
    return built(layer, target(arch))


def built(layer: str, where: Target, top: Path = BUILD) -> Path | None:
    stamp, made = known(layer, where, top), top / where.name / layer
    is_same = bool(stamp) and stamp["key"] == _key(layer, where, stamp["pins"]) and stamp["ours"] == _ours(layer)
    return made if is_same and (made / "python").is_dir() else None


# --- what a layer is made of: the lock says which -------------------------------------------------------------------


@cache
def _lock(_: int) -> dict[str, str]:
    """`name==version` → its lines of the lock, with all hashes. The argument is the time it was written."""
    blocks = re.split(r"\n(?=\S)", LOCK.read_text(encoding="utf-8").strip())
    return {re.split(r"[ ;\\]", block, maxsplit=1)[0]: block for block in blocks}


def lock() -> dict[str, str]:
    return _lock(LOCK.stat().st_mtime_ns)


def resolved(layer: str, where: Target) -> list[str]:
    """`name==version` of all that its requirements need there, of the lock's versions and no others."""
    listed = _uv(
        "pip", "compile", str(LAYERS / layer / "requirements.txt"), "--constraints", str(LOCK),
        "--no-header", "--no-annotate", "--only-binary", ":all:", *_for(where),
    )  # fmt: skip
    pins = [line.strip() for line in listed.splitlines() if line.strip()]
    if strange := [pin for pin in pins if pin not in lock()]:
        raise BuildFailed(f"{layer} needs what the lock has not, was {', '.join(strange)}; make lock")
    return pins


class Contents(NamedTuple):
    """`own`: what is put into the layer. `seen`: all that this was decided by."""

    own: list[str]
    seen: list[str]


def contents(layer: str, where: Target) -> Contents:
    from .recipes import RECIPES

    recipe, mine = RECIPES[layer], resolved(layer, where)
    beside = {pin for other in recipe.beside for pin in resolved(other, where)}
    own = [pin for pin in mine if pin not in beside and pin.split("==")[0] not in recipe.omits]
    return Contents(own, sorted({*mine, *beside}))


def _key(layer: str, where: Target, pins: Iterable[str]) -> str:
    """Of everything that a layer is made from but our own code. While it is the same, so is the layer."""
    said = [FORM, where.python, str(where.platform), RECIPE.read_text(encoding="utf-8")]
    said += [(LAYERS / name / "requirements.txt").read_text(encoding="utf-8") for name in NAMES]
    return _digest([*said, *(lock().get(pin, f"{pin} is gone") for pin in pins), layer])


def _ours(layer: str) -> str:
    if layer != "core":
        return ""
    return _digest(f"{path.relative_to(LAYERS)}\0{sha256(path.read_bytes()).hexdigest()}" for path in _sources())


def _sources() -> list[Path]:
    top = LAYERS / "core" / OURS
    return sorted(path for path in top.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _digest(parts: Iterable[str]) -> str:
    return sha256("\0\0".join(parts).encode()).hexdigest()


def known(layer: str, where: Target, top: Path = BUILD) -> dict[str, Any]:
    """What is known of a built layer; empty when it was not."""
    try:
        stamp: dict[str, Any] = json.loads((top / where.name / f"{layer}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp


# --- building -------------------------------------------------------------------------------------------------------


def build(layer: str, where: Target, top: Path = BUILD) -> dict[str, Any]:
    """Builds what is not up to date; returns the stamp, with the seconds it took."""
    began, home = time.perf_counter(), top / where.name
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home / f"{layer}.lock"):
        stamp = known(layer, where, top)
        if _is_done(layer, where, top, stamp):
            return {**stamp, "seconds": 0.0}
        # taken first: what is edited meanwhile is another layer, next time
        ours = _ours(layer)
        with tempfile.TemporaryDirectory(dir=home, prefix=f".{layer}-") as work:
            made = Path(work) / layer
            if (home / layer).is_dir() and _is_same_but_ours(layer, where, stamp):
                (home / layer).rename(made)
                shutil.rmtree(made / OURS, ignore_errors=True)
            else:
                stamp = _installed(layer, where, made)
            if layer == "core":
                stamp |= _with_ours(made, where)
            stamp |= {"ours": ours, **_packed(made, home / f"{layer}.zip")}
            shutil.rmtree(home / layer, ignore_errors=True)
            made.rename(home / layer)
        (home / f"{layer}.json").write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")
    return {**stamp, "seconds": time.perf_counter() - began}


def _is_done(layer: str, where: Target, top: Path, stamp: dict[str, Any]) -> bool:
    return built(layer, where, top) is not None and (stamp["compiled"] or not interpreter(where.python))


def _is_same_but_ours(layer: str, where: Target, stamp: dict[str, Any]) -> bool:
    is_same = bool(stamp) and stamp["key"] == _key(layer, where, stamp["pins"])
    return is_same and (stamp["compiled"] or not interpreter(where.python))


def _installed(layer: str, where: Target, made: Path) -> dict[str, Any]:
    from .recipes import RECIPES, strip

    python, inside = made / "python", contents(layer, where)
    subset = made.with_suffix(".txt")
    subset.write_text("\n".join(lock()[pin] for pin in inside.own) + "\n", encoding="utf-8")
    # copied, not linked: what is stripped here must not be stripped in uv's cache
    _uv(
        "pip", "install", "--target", str(python), "--requirement", str(subset), "--require-hashes", "--no-deps",
        "--only-binary", ":all:", "--link-mode", "copy", "--no-compile-bytecode", *_for(where),
    )  # fmt: skip
    raw = _size(python)
    tool = _strip_tool(where)
    unstripped = strip(python, RECIPES[layer], tool)
    stripped = _size(python)
    return {
        "key": _key(layer, where, inside.seen),
        "pins": inside.seen,
        "packages": inside.own,
        "python": where.python,
        "compiled": _compiled(made, python, where.python),
        "unstripped": unstripped,
        "raw": raw,
        "stripped": stripped,
    }


def _with_ours(made: Path, where: Target) -> dict[str, Any]:
    source, theirs = LAYERS / "core" / OURS, _size(made / "python")
    for path in _sources():
        to = made / OURS / path.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)
    return {"our": _size(made / "python") - theirs, "compiled": _compiled(made, made / OURS, where.python)}


def _compiled(made: Path, part: Path, version: str) -> bool:
    """Byte-code that is never compared with its source, and knows itself under /opt. One process, one order: what it
    says of a name depends on what it has seen before."""
    python = interpreter(version)
    if not python:
        return False
    # a source that does not compile is one that nobody imports: templates, tests of parsers
    _run(
        python, "-m", "compileall", "-q", "-s", str(made), "-p", "/opt", "--invalidation-mode", "unchecked-hash",
        str(part), env=BARE, is_checked=False,
    )  # fmt: skip
    return True


def _packed(made: Path, into: Path) -> dict[str, Any]:
    """Names in order, one time, one mode: the same content is the same file."""
    partial = into.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as zipped:
        for path in sorted(made.rglob("*"), key=lambda path: path.relative_to(made).as_posix()):
            if path.is_file():
                mode = 0o755 if ".so" in path.suffixes else 0o644
                path.chmod(mode)
                entry = zipfile.ZipInfo(path.relative_to(made).as_posix(), STAMPED)
                entry.create_system, entry.external_attr = 3, (0o100000 | mode) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                zipped.writestr(entry, path.read_bytes())
    digest, size = sha256(partial.read_bytes()).hexdigest(), partial.stat().st_size
    partial.replace(into)
    return {"unzipped": _size(made), "zipped": size, "sha256": digest}


def _size(top: Path) -> int:
    return sum(path.stat().st_size for path in top.rglob("*") if path.is_file())


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# --- tools ----------------------------------------------------------------------------------------------------------


def _for(where: Target) -> list[str]:
    """For uv: the machine the layers are for, which need not be this one. It never fetches a Python by itself."""
    named = ["--python-platform", where.platform] if where.platform else []
    return ["--python-version", where.python, *named]


def _uv(*words: str) -> str:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if not uv:
        raise BuildFailed("needs uv, was nowhere; make setup")
    return _run(uv, "--quiet", "--no-progress", *words, env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"})


def _run(*command: str, env: dict[str, str] | None = None, is_checked: bool = True) -> str:
    # words of this program only; no shell
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603
    if is_checked and done.returncode:
        raise BuildFailed(f"{Path(command[0]).name} {command[1]} … failed:\n{done.stderr.strip()}")
    return done.stdout


@cache
def interpreter(version: str) -> str | None:
    """A Python of that version that runs here: of the PATH, of pyenv, or one that uv knows."""
    name = f"python{version}"
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    places = [shutil.which(name), *sorted(map(str, versions.glob(f"{version}.*/bin/{name}")), reverse=True)]
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        places.insert(0, sys.executable)
    return next(filter(_runs(version), filter(None, places)), None) or _known_to_uv(version)


def _runs(version: str) -> Any:
    def runs(python: str) -> bool:
        code = f"import sys; sys.exit('%d.%d' % sys.version_info[:2] != {version!r})"
        try:
            return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0  # noqa: S603
        except OSError:
            return False

    return runs


def _known_to_uv(version: str) -> str | None:
    try:
        found = _uv("python", "find", "--no-project", version).strip()
    except BuildFailed:
        return None
    return found if _runs(version)(found) else None


@cache
def _strip_tool(where: Target) -> str | None:
    """llvm-strip knows every architecture; the `strip` of a machine its own."""
    if where.platform is None:
        return None
    machine = where.platform.split("-", maxsplit=1)[0]
    own = ("strip",) if platform.machine() == machine else ()
    return next(filter(None, map(shutil.which, ("llvm-strip", f"{machine}-linux-gnu-strip", *own))), None)


# --- the command ----------------------------------------------------------------------------------------------------


def over(sizes: dict[str, int]) -> list[str]:
    """What is wrong with what the functions wear, by the unzipped size of each layer."""
    wrong = []
    for name, worn in WEARS.items():
        most, size = OWN_MB.get(name, MOST_MB), weight(name, sizes)
        if size > most * 1e6:
            wrong.append(f"{name} must unzip to at most {most} MB, was {size / 1e6:.1f}")
        if len(worn) > MOST_LAYERS:
            wrong.append(f"{name} must wear at most {MOST_LAYERS} layers, was {len(worn)}")
    return wrong


def weight(function: str, sizes: dict[str, int]) -> int:
    own = FUNCTIONS / f"{function}.py"
    return (own.stat().st_size if own.exists() else 0) + sum(sizes[layer] for layer in WEARS[function])


def twice(packages: dict[str, list[str]]) -> list[str]:
    """What some function would find in two of its layers."""
    found = []
    for name, worn in WEARS.items():
        every = [pin for layer in worn for pin in packages[layer]]
        found += [f"{name} finds {pin} twice" for pin in sorted({pin for pin in every if every.count(pin) > 1})]
    return found


def main(words: list[str]) -> int:
    asked = argparse.ArgumentParser(prog="python -m infra.layers", description="Builds the layers that changed.")
    asked.add_argument("--arch", choices=[*PLATFORMS, "host"], default="arm64")
    asked.add_argument("--quiet", action="store_true", help="says only what was built, and what is wrong")
    asked.add_argument("layers", nargs="*", metavar="LAYER", help=f"one of {', '.join(NAMES)}; else all")
    given = asked.parse_args(words)
    if unknown := set(given.layers) - set(NAMES):
        asked.error(f"there is {', '.join(NAMES)}, was {', '.join(sorted(unknown))}")
    where, wanted = target(given.arch), tuple(given.layers) or NAMES
    try:
        stamps = _all_built(wanted, where)
    except BuildFailed as wrong:
        _say(f"layers: {wrong}", sys.stderr)
        return 1
    for line in _missed(stamps, where):
        _say(f"layers: {line}", sys.stderr)
    if given.quiet and len(stamps) == len(NAMES):
        return _judged(stamps, show=False)
    _say(_table(stamps, where))
    return _judged(stamps, show=True) if len(stamps) == len(NAMES) else 0


def _all_built(wanted: tuple[str, ...], where: Target) -> dict[str, dict[str, Any]]:
    stamps: dict[str, dict[str, Any]] = {}
    with ThreadPoolExecutor(2) as hands:
        for layer, stamp in zip(wanted, hands.map(lambda layer: build(layer, where), wanted), strict=True):
            stamps[layer] = stamp
            if stamp["seconds"]:
                _say(f"layers: {where.name} {layer}, {stamp['seconds']:.1f} s")
    return stamps


def _missed(stamps: dict[str, dict[str, Any]], where: Target) -> Iterator[str]:
    """What a layer does without, because this machine has not the tool."""
    if plain := [layer for layer, stamp in stamps.items() if not stamp["compiled"]]:
        yield (
            f"NO BYTE-CODE in {', '.join(plain)}: no Python {where.python} here, and every cold start will compile. "
            f"Install Python {where.python}, then make layers"
        )
    if where.platform and not _strip_tool(where):
        yield f"libraries keep their symbols: no llvm-strip here, and no strip for {where.name}"


def _judged(stamps: dict[str, dict[str, Any]], *, show: bool) -> int:
    sizes = {layer: stamp["unzipped"] for layer, stamp in stamps.items()}
    if show:
        _say(f"\n{'function':<9} {'MB':>6} {'limit':>5} {'layers':>6}  worn")
        for name, worn in WEARS.items():
            limit, size = OWN_MB.get(name, MOST_MB), weight(name, sizes) / 1e6
            _say(f"{name:<9} {size:>6.1f} {limit:>5} {len(worn):>6}  {' '.join(worn)}")
    wrong = over(sizes) + twice({layer: stamp["packages"] for layer, stamp in stamps.items()})
    for line in wrong:
        _say(f"layers: {line}", sys.stderr)
    return 1 if wrong else 0


def _table(stamps: dict[str, dict[str, Any]], where: Target) -> str:
    lines = [f"{where.name}: MB of each layer", f"{'layer':<8} {'packages':>8} {'raw':>6} {'stripped':>8}"]
    lines[1] += f" {'with byte-code':>14} {'zipped':>6}  sha256"
    for layer, stamp in stamps.items():
        our = stamp.get("our", 0)
        raw, stripped = ((stamp[part] + our) / 1e6 for part in ("raw", "stripped"))
        lines.append(
            f"{layer:<8} {len(stamp['packages']):>8} {raw:>6.1f} {stripped:>8.1f} {stamp['unzipped'] / 1e6:>14.1f}"
            f" {stamp['zipped'] / 1e6:>6.1f}  {stamp['sha256'][:12]}"
        )
    return "\n".join(lines)


def _say(line: str, to: Any = None) -> None:
    (to or sys.stdout).write(f"{line}\n")
    (to or sys.stdout).flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
