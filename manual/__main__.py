"""`python -m manual` builds the site into build/site; `serve` shows it while it is written; `pictures` renews
screenshots and drawings."""

import subprocess
import sys
import time
from pathlib import Path

from .checks import complaints
from .drawing import drawings
from .staging import ROOT, BrokenLink, stage

STAGED, SITE = ROOT / "build/docs", ROOT / "build/site"
ZENSICAL = str(Path(sys.executable).with_name("zensical"))
SHOTS, PICTURES = ROOT / "frontend/screenshots", ROOT / "docs/assets"
# Picture of the manual: shot of the dashboard (`make shots`).
SHOWN = {
    "overview": "overview-desktop-dark", "memory": "memory-desktop-dark", "results": "results-desktop-dark",
    "phone": "overview-phone-dark",
}  # fmt: skip
QUALITY = 80
LOOKED_EACH_S = 1.0
# Not 8000: that is where the product answers.
SHOWN_AT = "127.0.0.1:8010"


def build() -> int:
    stage(STAGED)
    done = subprocess.run(
        [ZENSICAL, "build", "--strict", "--clean"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
        return 1
    found = complaints(SITE)
    for line in found:
        print(f"docs: {line}", file=sys.stderr)
    if not found:
        print(f"docs: {len(list(SITE.rglob('*.html')))} pages in {SITE.relative_to(ROOT)}, links and anchors checked")
    return bool(found)


def serve() -> int:
    """Until Ctrl-C. Pages of docs/ are taken over as they are saved; generated ones are those of the start."""
    stage(STAGED)
    print(f"docs: http://{SHOWN_AT} until Ctrl-C", flush=True)
    with subprocess.Popen([ZENSICAL, "serve", "--dev-addr", SHOWN_AT], cwd=ROOT) as server:
        try:
            while server.poll() is None:
                time.sleep(LOOKED_EACH_S)
                try:
                    stage(STAGED)
                except BrokenLink as wrong:
                    print(f"docs: {wrong}", file=sys.stderr)
        except KeyboardInterrupt:
            pass
        finally:
            server.terminate()
    return 0


def pictures() -> int:
    from PIL import Image

    for name, shot in SHOWN.items():
        path = SHOTS / f"{shot}.png"
        if not path.exists():
            print(f"docs: there is no {path.relative_to(ROOT)}; make shots takes it", file=sys.stderr)
            return 1
        Image.open(path).convert("RGB").save(PICTURES / f"{name}.webp", "WEBP", quality=QUALITY, method=6)
    for name, drawn in drawings(ROOT).items():
        (PICTURES / name).write_text(drawn, encoding="utf-8")
    print(f"docs: pictures and drawings in {PICTURES.relative_to(ROOT)}; look at them before you commit them")
    return 0


def main(words: list[str]) -> int:
    does = {(): build, ("serve",): serve, ("pictures",): pictures}.get(tuple(words))
    if does is None:
        print(f"docs: ARGS is nothing, serve or pictures, was {' '.join(words)}", file=sys.stderr)
        return 2
    try:
        return does()
    except BrokenLink as wrong:
        print(f"docs: {wrong}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
