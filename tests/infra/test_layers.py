"""The layers: of the lock, stripped, within Lambda's limits, and the same bytes whoever builds them."""

import importlib.util
import json
import shutil
import struct
import subprocess
import sys
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from infra import layers, recipes
from tests.infra.fresh import NOT_BUILT, WHERE

UNCHECKED_HASH = 1
OFFLINE = "uv's cache has not what a layer is built from: rm -r layers/build, then python -m infra.layers --arch host"


def stamp(layer: str) -> dict[str, Any]:
    if layers.built(layer, WHERE) is None:
        pytest.skip(NOT_BUILT)
    return layers.known(layer, WHERE)


def python(layer: str) -> Path:
    stamp(layer)
    return layers.BUILD / WHERE.name / layer / "python"


def files(layer: str) -> list[Path]:
    top = python(layer)
    return sorted(path.relative_to(top) for path in top.rglob("*") if path.is_file())


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")


@pytest.mark.usefixtures("offline")
def test_the_same_input_is_the_same_file(tmp_path: Path) -> None:
    built = stamp("api")
    tops = [tmp_path / "one", tmp_path / "another, with a longer name"]

    try:
        digests = {layers.build("api", WHERE, top)["sha256"] for top in tops}
    except layers.BuildFailed:
        pytest.skip(OFFLINE)

    assert digests == {built["sha256"]}
    packed = [(top / WHERE.name / "api.zip").read_bytes() for top in tops]
    assert packed[0] == packed[1]


@pytest.mark.usefixtures("offline")
def test_what_did_not_change_is_not_built_again() -> None:
    before = stamp("feeds")

    again = layers.build("feeds", WHERE)

    assert again == {**before, "seconds": 0.0}


@pytest.mark.parametrize(
    "changed",
    [{"ours": "older code"}, {"key": "another recipe"}, {"pins": ["ccxt==0.1"]}],
    ids=lambda one: next(iter(one)),
)
def test_a_layer_of_something_else_than_what_is_here_is_none(changed: dict[str, Any], tmp_path: Path) -> None:
    made = tmp_path / WHERE.name / "core"
    (made / "python").mkdir(parents=True)

    def written(content: dict[str, Any]) -> Path | None:
        made.with_suffix(".json").write_text(json.dumps(content))
        return layers.built("core", WHERE, tmp_path)

    assert written(stamp("core")) == made
    assert written({**stamp("core"), **changed}) is None
    made.with_suffix(".json").unlink()
    assert layers.built("core", WHERE, tmp_path) is None


@pytest.mark.usefixtures("offline")
def test_new_code_of_ours_leaves_the_libraries_in_place(tmp_path: Path) -> None:
    built, top = stamp("core"), tmp_path / WHERE.name
    shutil.copytree(python("core"), top / "core/python")
    (top / "core/python/semanticsignal/codec.py").write_text("older")
    marker = top / "core/python/orjson/marker"
    marker.touch()
    (top / "core.json").write_text(json.dumps({**built, "ours": "older"}))

    again = layers.build("core", WHERE, tmp_path)

    assert marker.exists()
    assert (top / "core/python/semanticsignal/codec.py").read_bytes() == (
        layers.LAYERS / "core/python/semanticsignal/codec.py"
    ).read_bytes()
    marker.unlink()
    assert layers._packed(top / "core", tmp_path / "core.zip")["sha256"] == built["sha256"]
    assert again["packages"] == built["packages"]


@pytest.mark.parametrize("layer", layers.NAMES)
def test_every_package_is_the_one_of_the_lock(layer: str) -> None:
    packages = stamp(layer)["packages"]

    assert packages and [pin for pin in packages if pin not in layers.lock()] == []
    assert [pin for pin in packages if "--hash=sha256:" not in layers.lock()[pin]] == []
    about = {path.parts[0].removesuffix(".dist-info") for path in files(layer) if path.name == "METADATA"}
    assert {name.replace("_", "-").lower() for name in about} == {pin.replace("==", "-") for pin in packages}


def test_requirements_name_only_what_our_code_asks_for() -> None:
    asked = [line for name in layers.NAMES for line in requirements(name)]

    assert max(Counter(asked).values()) == 1
    assert [line for line in asked if not line.replace("-", "").isalnum()] == []


def requirements(layer: str) -> list[str]:
    return (layers.LAYERS / layer / "requirements.txt").read_text().split()


@pytest.mark.parametrize("name", layers.WEARS)
def test_nothing_lies_in_two_layers_of_one_function(name: str) -> None:
    lying = Counter(path for layer in layers.WEARS[name] for path in files(layer))

    assert [str(path) for path, times in lying.items() if times > 1] == []


def test_every_function_stays_within_the_limits() -> None:
    sizes = {layer: stamp(layer)["unzipped"] for layer in layers.NAMES}

    assert layers.over(sizes) == []
    assert all(
        0 < size == sum((python(layer) / path).stat().st_size for path in files(layer)) for layer, size in sizes.items()
    )


def test_what_is_over_a_limit_is_named() -> None:
    sizes = dict.fromkeys(layers.NAMES, 80_000_000)

    assert [line.split(",")[0] for line in layers.over(sizes)] == [
        "decide must unzip to at most 200 MB",
        "review must unzip to at most 200 MB",
        "api must unzip to at most 250 MB",
    ]
    assert layers.twice({name: ["six==1.17.0"] for name in layers.NAMES})[0] == "collect finds six==1.17.0 twice"


@pytest.mark.parametrize("layer", layers.NAMES)
def test_nothing_is_left_that_no_function_reads(layer: str) -> None:
    gone = recipes.FOLDERS - {"__pycache__"}

    left = [
        str(path)
        for path in files(layer)
        if gone & set(path.parts[:-1])
        or any(fnmatch(path.name, pattern) for pattern in recipes.FILES)
        or (path.parts[0].endswith(".dist-info") and path.name not in recipes.ABOUT)
    ]

    assert left == []


def test_of_the_big_libraries_only_what_is_used_is_left() -> None:
    def within(layer: str, folder: str) -> set[str]:
        return {path.stem for path in (python(layer) / folder).iterdir() if path.name != "__pycache__"}

    assert within("market", "ccxt/async_support") - {"__init__", "base"} == recipes.VENUES
    assert {path.name for path in (python("core") / "botocore/data").iterdir() if path.is_dir()} == recipes.SERVICES
    assert within("analysis", "fontTools") == {"__init__", "agl", "misc"}
    assert within("analysis", "matplotlib/mpl-data/fonts/ttf") == {
        "DejaVuSans",
        "DejaVuSans-Bold",
        "LastResortHE-Regular",
    }
    assert {"sample_data", "images", "pdfcorefonts"} & within("analysis", "matplotlib/mpl-data") == set()
    names = {path.parts[0] for layer in layers.NAMES for path in files(layer)}
    assert {"uvloop", "coincurve", "pycparser", "pandas", "pyarrow", "chromadb"} & names == set()


@pytest.mark.parametrize("layer", layers.NAMES)
def test_byte_code_is_whole_trusts_its_source_and_tells_no_path_of_this_machine(layer: str) -> None:
    if not stamp(layer)["compiled"]:
        pytest.skip(
            f"no Python {WHERE.python} here to compile with: install it, then python -m infra.layers --arch host"
        )
    top = python(layer)
    compiled = sorted(top.rglob("*.pyc"))
    told = str(layers.ROOT).encode()

    assert len(compiled) == len(list(top.rglob("*.py")))
    for path in compiled:
        content = path.read_bytes()
        assert struct.unpack_from("<I", content, 4)[0] == UNCHECKED_HASH, path
        assert told not in content and b"/.core-" not in content, path
        assert b"/opt/python/" in content, path


def elf(content: bytes, offset: int = 0x1000, address: int = 0x2000) -> bytes:
    """A library of 64 bits with one segment."""
    head = b"\x7fELF".ljust(16, b"\0")
    head += struct.pack(recipes.HEAD.replace("16x", ""), 3, 0xB7, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack(recipes.SEGMENT, recipes.LOADED, 5, offset, address, address, len(content), 64, 0x1000)
    return (head + segment).ljust(offset, b"\0") + content


def test_a_stripped_library_is_taken_only_when_a_loader_maps_the_same() -> None:
    whole = elf(b"code") + b"symbols"

    assert recipes._loads_the_same(whole, elf(b"code"))
    assert recipes._loads_the_same(whole, elf(b"code", offset=0x3000))
    assert not recipes._loads_the_same(whole, elf(b"other"))
    assert not recipes._loads_the_same(whole, elf(b"code", offset=0x1008)), "no loader can map that"
    assert not recipes._loads_the_same(whole, elf(b"code", address=0x5000))
    assert not recipes._loads_the_same(whole, b"\x7fELF cut")


def test_without_a_tool_that_strips_libraries_stay_as_they_came(tmp_path: Path) -> None:
    library = tmp_path / "python/lib.so"
    library.parent.mkdir()
    library.write_bytes(elf(b"code") + b"symbols")

    for tool in (None, shutil.which("false")):
        assert recipes.strip(tmp_path / "python", recipes.Recipe(), tool) == ["lib.so"]
        assert library.read_bytes() == elf(b"code") + b"symbols"
    assert [path.name for path in library.parent.iterdir()] == ["lib.so"]


def test_lambda_is_the_target_unless_told_otherwise() -> None:
    assert layers.target("arm64") == ("arm64", "3.13", "aarch64-manylinux_2_28")
    assert layers.target("x86_64") == ("x86_64", "3.13", "x86_64-manylinux_2_28")


def test_the_deployment_asks_without_loading_a_library() -> None:
    code = (
        "import sys, infra.layers as layers; layers.folder('core')\n"
        "print(*[n for n, m in sys.modules.items() if 'site-packages' in (getattr(m, '__file__', None) or '')])"
    )

    said = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, cwd=layers.ROOT
    )

    assert said.stdout.strip() == ""
    assert importlib.util.find_spec("infra.layers")
