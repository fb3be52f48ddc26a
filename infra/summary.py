"""`python -m infra.summary`: what `cdk.out` holds, one line a stack, and what would keep it from being deployed.

With `--deployable` it fails when something would: before any stack of an account is touched."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

REFUSED = "not to be deployed"


def lines(assembly: Path) -> Iterator[str]:
    """Raises SystemExit where there are no templates."""
    if not any(assembly.glob("*.template.json")):
        raise SystemExit(f"summary: no templates in {assembly}; make synth")
    yield f"{'stack':<12} {'KB':>6} {'resources':>9}"
    missing: dict[str, None] = {}
    for path in sorted(assembly.glob("*.template.json")):
        template = json.loads(path.read_text(encoding="utf-8"))
        stack = path.name.removesuffix(".template.json")
        yield f"{stack:<12} {path.stat().st_size / 1000:>6.1f} {len(template['Resources']):>9}"
        for name, rule in template.get("Rules", {}).items():
            if name.startswith("Unbuilt"):
                missing |= {each["AssertDescription"]: None for each in rule["Assertions"]}
    for remedy in missing:
        yield f"{REFUSED}: {remedy}"


if __name__ == "__main__":
    told = list(lines(Path("cdk.out")))
    sys.stdout.write("\n".join(told) + "\n")
    raise SystemExit("--deployable" in sys.argv and any(line.startswith(REFUSED) for line in told))
