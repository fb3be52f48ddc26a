"""The house keeps its own rules: who imports whom, what is pure, what no file may hold."""

import ast
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from pytest_socket import SocketConnectBlockedError

from semanticsignal.logic.notify.alarms import BREAKERS
from semanticsignal.logic.notify.words import REFUSED

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "layers/core/python"
PACKAGE = CORE / "semanticsignal"
HOUSE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
CONTRACTS = {contract["id"]: contract["name"] for contract in HOUSE["importlinter"]["contracts"]}

# For each contract: a module, and what it must not import. A module that is not there is made.
VIOLATIONS = {
    "floors": ("semanticsignal.domain.market", "semanticsignal.codec"),
    "verbs": ("semanticsignal.logic.reflect.sample", "semanticsignal.logic.decide"),
    "plugs": ("semanticsignal.adapters.sample", "semanticsignal.adapters.other"),
    "world": ("semanticsignal.logic.collect.sample", "httpx"),
    "nouns": ("semanticsignal.domain.news", "pydantic"),
    "wiring": ("semanticsignal.drivers.sample", "semanticsignal.adapters"),
    "door": ("functions.sample", "semanticsignal.adapters"),
    "templates": ("infra.sample", "semanticsignal.wiring"),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Our packages and their rules, free to be broken."""
    for package in (PACKAGE, ROOT / "functions", ROOT / "infra", ROOT / "manual"):
        shutil.copytree(package, tmp_path / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_import_contract_holds() -> None:
    verdict = lint_imports(ROOT, CORE)

    assert set(CONTRACTS) == set(VIOLATIONS)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    assert f"{len(CONTRACTS)} kept, 0 broken" in verdict.stdout


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_each_import_contract_is_broken_by_the_import_it_forbids(contract: str, copy: Path) -> None:
    importer, imported = VIOLATIONS[contract]
    for module in {importer, imported} - {"httpx", "pydantic"}:
        with source(copy, module).open("a", encoding="utf-8") as file:
            file.write(f"\nimport {imported}\n" if module == importer else "\n")

    verdict = lint_imports(copy, copy, "--contract", contract)

    assert verdict.returncode == 1, verdict.stdout + verdict.stderr
    assert f"{CONTRACTS[contract]} BROKEN" in verdict.stdout
    assert importer in verdict.stdout


def test_a_new_room_must_take_its_place_among_the_floors(copy: Path) -> None:
    (copy / "semanticsignal/attic.py").touch()

    verdict = lint_imports(copy, copy, "--contract", "floors")

    assert verdict.returncode == 1
    assert "attic" in verdict.stdout


def test_what_imports_cannot_show_the_linter_refuses() -> None:
    banned = HOUSE["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    sample = """
import os, random, time, uuid
from datetime import UTC, datetime
seen = datetime.now(UTC), time.time(), os.environ["HOME"], uuid.uuid4(), random.random()
"""

    verdict = run(
        *("ruff", "check", "--quiet", "--no-cache", "--output-format=concise"),
        *("--stdin-filename", str(PACKAGE / "logic/decide/sample.py"), "-"),
        given=sample,
    )

    assert verdict.returncode == 1, verdict.stdout + verdict.stderr
    assert {name for name in banned if f"`{name}` is banned" in verdict.stdout} == set(banned)


def test_no_test_reaches_beyond_this_machine() -> None:
    with socket.socket() as anyone, pytest.raises(SocketConnectBlockedError):
        anyone.connect(("192.0.2.1", 80))


def test_in_ci_a_skip_is_a_failure(tmp_path: Path) -> None:
    shutil.copy(ROOT / "tests/conftest.py", tmp_path / "conftest.py")
    (tmp_path / "test_sample.py").write_text(
        "import pytest\n"
        "def test_lazy(): pytest.skip('not today')\n"
        "def test_known(): pytest.xfail('known')\n"
        "def test_data(recorded_data): pass\n"
    )
    (tmp_path / "test_module.py").write_text("import pytest\npytest.skip('whole', allow_module_level=True)\n")

    def closing_line(**variables: str) -> str:
        clean = {name: value for name, value in os.environ.items() if name not in {"CI", "SEMSIG_DATA"}}
        quiet = ("-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(tmp_path), str(tmp_path))
        verdict = run("pytest", *quiet, variables=clean | variables)
        return verdict.stdout.splitlines()[-1]

    assert "3 skipped, 1 xfailed" in closing_line()
    assert "1 error" in closing_line(CI="true")
    (tmp_path / "test_module.py").unlink()
    assert "1 failed, 1 skipped, 1 xfailed" in closing_line(CI="true")
    assert "1 failed, 1 passed, 1 xfailed" in closing_line(CI="true", SEMSIG_DATA=str(tmp_path))
    assert "1 failed, 1 xfailed, 1 error" in closing_line(CI="true", SEMSIG_DATA=str(tmp_path / "nowhere"))


def test_every_guard_that_refuses_has_words_and_alarms_know_only_guards_that_refuse() -> None:
    said = {
        guard.value
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Refusal"
        for guard in node.args[:1]
        if isinstance(guard, ast.Constant)
    }

    assert said == set(REFUSED)
    assert {*BREAKERS, "model", "late"} <= said


def test_only_cranks_catch_whatever_comes() -> None:
    allowed = {*(PACKAGE / "drivers").rglob("*.py")}

    caught = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in modules("layers", "functions")
        if path not in allowed
        for node in ast.walk(tree)
        if (isinstance(node, ast.ExceptHandler) and catches_all(node.type))
        or (isinstance(node, ast.Call) and called(node) == "suppress" and any(map(catches_all, node.args)))
    ]

    assert caught == []


def test_nothing_is_mocked() -> None:
    mocks = re.compile(r"(unittest\.)?mock(\.|$)|pytest_mock(\.|$)|flexmock|doublex")

    mocked = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, tree in modules("layers", "functions", "tests", "bench", "infra")
        for name in imported_names(tree)
        if mocks.match(name)
    ]

    assert mocked == []


def test_every_module_says_what_it_is() -> None:
    mute = [
        str(path.relative_to(ROOT))
        for path, tree in modules("layers", "functions", "tests", "bench", "infra", "scripts")
        if not ast.get_docstring(tree)
    ]

    assert mute == []


def test_no_file_is_named_for_what_it_might_hold() -> None:
    vague = re.compile(r"util|helper|common|manager|service|engine|processor|handler|constants|misc")

    assert [
        str(path.relative_to(ROOT)) for path, _ in modules("layers", "functions", "infra") if vague.search(path.stem)
    ] == []


def test_no_name_ends_in_pct() -> None:
    named = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in tracked()
        if path.suffix in {".py", ".ts"} and path != Path(__file__)
        for word in re.findall(r"\b\w+_pct\b", path.read_text(encoding="utf-8"))
    ]

    assert named == []


def test_no_file_names_a_registry_a_folder_of_somebody_s_machine_or_a_secret() -> None:
    # Each written so that it does not find itself here.
    forbidden = re.compile(
        r"pypi[.]org|pythonhosted[.]org|npmjs[.]org|npmjs[.]com|debian[.]org|[-_]index[-_]url|find[-]links|"
        r'"resolved": "h[t]tp|'
        r"/(?:root|work|home/\w+|Users/\w+)/|"
        r"\bsk-[A-Za-z0-9_-]{20,}|\bAIza[\w-]{35}|\bAKIA[A-Z0-9]{16}|/api/webhooks/\d{10,}|PRIVATE [K]EY-----"
    )

    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked()
        if (match := forbidden.search(path.read_text(encoding="utf-8", errors="ignore")))
    ]

    assert found == []


def test_the_lock_pins_every_package_by_hash_and_names_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    packages = re.split(r"\n(?=\S)", lock.strip())

    assert "://" not in lock
    assert [p.splitlines()[0] for p in packages if not re.match(r"[\w.-]+==\S+", p) or "--hash=sha256:" not in p] == []


def run(
    *command: str, given: str | None = None, folder: Path = ROOT, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    name = str(Path(sys.executable).parent / command[0])
    return subprocess.run(
        [name, *command[1:]],
        input=given,
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def lint_imports(folder: Path, path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(path), "COLUMNS": "200", "NO_COLOR": "1"}
    return run("lint-imports", "--no-logo", "--no-cache", *options, folder=folder, variables=variables)


def source(top: Path, module: str) -> Path:
    """Where the source of a module stands, or would stand."""
    path = top.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that git keeps, or would keep at the next `git add`; without git, all but what the tools made."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        return tuple(path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file())
    made = {".git", ".venv", ".semsig", "node_modules", "build", "cdk.out", "dist", "__pycache__"}
    return tuple(
        path for path in ROOT.rglob("*") if path.is_file() and not made & set(path.parts) and "cache" not in str(path)
    )


def modules(*tops: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in tracked():
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in tops:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def imported_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def catches_all(kind: ast.expr | None) -> bool:
    match kind:
        case None | ast.Name(id="Exception" | "BaseException"):
            return True
        case ast.Tuple(elts=kinds):
            return any(map(catches_all, kinds))
    return False
