"""A process like a function's: an interpreter by itself, the layers the function wears, its file, and nothing else."""

import subprocess
from pathlib import Path

from infra import layers

WHERE = layers.target("host")
NOT_BUILT = "the layers for this machine are not built, or not of what is here now: python -m infra.layers --arch host"

# -I -S: neither PYTHONPATH nor site-packages, nor the folder it was started in
SWITCHES = ("-I", "-S", "-B")
PATHS = "import sys; sys.path[:0] = {paths!r}\n"


def worn(name: str) -> list[Path] | None:
    """The python/ folders of what a function wears, or None when one of them is not built."""
    built = [layers.built(layer, WHERE) for layer in layers.WEARS[name]]
    return [one / "python" for one in built if one] if all(built) else None


def python() -> str:
    """3.13, or the nearest that is here: the one the layers were built for."""
    found = layers.interpreter(WHERE.python)
    assert found, f"a Python {WHERE.python} built the layers, was gone"
    return found


def fresh(name: str, code: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs `code` as the function `name`: `import <name>` finds functions/<name>.py. The variables are `env` only."""
    found = worn(name)
    assert found is not None, NOT_BUILT
    paths = [str(layers.FUNCTIONS), *map(str, found)]
    return subprocess.run(
        [python(), *SWITCHES, "-c", PATHS.format(paths=paths) + code],
        env=env or {},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd="/",
    )
