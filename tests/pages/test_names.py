"""What the manual calls by name is there: settings, options, facts, paths, variables, files; its samples are true."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from written import blocks, spans

from manual import commands, facts
from manual.staging import ROOT
from semanticsignal.domain.policy import Settings
from semanticsignal.settings import KEYS, RESERVED, load

SECTIONS = {key.partition(".")[0] for key in KEYS if "." in key}
# Of make, npm, pytest and git, where a page names them.
FOREIGN_OPTIONS = {"--require-approval", "--force", "--help", "--seed"}


def test_every_setting_that_is_named_is_one() -> None:
    told = {match for span in spans() for match in re.findall(rf"^((?:{'|'.join(SECTIONS)})\.[a-z_]+)\b(?!\.)", span)}
    told = {name for name in told if not name.endswith((".md", ".toml"))}

    assert {"risk.per_trade_ratio", "memory.store", "budget.day_usd"} - told <= {"budget.day_usd"}
    assert told - {"memory.db"} <= KEYS.keys()


def test_every_variable_that_is_named_is_read_by_somebody() -> None:
    known = RESERVED | {f"SEMSIG_{key.upper().replace('.', '__')}" for key in KEYS}
    told = {name for span in spans() for name in re.findall(r"\bSEMSIG_[A-Z][A-Z_]+", span)}

    assert {"SEMSIG_MARKET_KIND", "SEMSIG_DATA"} <= told <= known


def test_every_option_that_is_named_is_one_of_a_command() -> None:
    there = {name for _, command in commands.commands() for one in command.params for name in one.opts}
    told = {name for span in spans(is_aws=False) for name in re.findall(r"(?<![\w-])--[a-z][a-z-]+", span)}

    assert {"--plain", "--home", "--min-free"} <= told
    assert told <= there | FOREIGN_OPTIONS | {"--version"}


def test_every_path_of_the_api_that_is_named_answers() -> None:
    document = json.loads((ROOT / "frontend/openapi.json").read_text(encoding="utf-8"))
    told = {path for span in spans() for path in re.findall(r"(?<![\w.])(/api/[a-z/{}.-]+)", span)}

    assert {"/api/events", "/api/state"} <= told
    assert {path.removesuffix("/") for path in told} <= document["paths"].keys()


def test_every_fact_that_is_named_is_told_by_somebody() -> None:
    there = {kind.__name__ for kind in facts.FACTS}
    told = {name for span in spans(is_aws=False) for name in re.findall(r"^([A-Z][a-z]+(?:[A-Z][a-z]+)+)\(", span)}

    assert {"MinutePassed", "CandleClosed"} <= told <= there


def test_every_target_that_is_named_is_in_the_makefile() -> None:
    there = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    told = {name for span in spans() for name in re.findall(r"^make ([a-z]+)", span)}

    assert {"run", "test", "docs", "shots"} <= told <= there


def test_every_file_that_is_named_is_there() -> None:
    tops = "docs|manual|tests|frontend/src|functions|infra|bench|layers"
    told = {path for span in spans() for path in re.findall(rf"^((?:{tops})/[\w./-]*)$", span)}

    assert {"docs/adr", "tests/pages/kept_back.toml"} <= told
    assert [path for path in told if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("block", blocks("toml"), ids=lambda block: block.page)
def test_every_sample_of_settings_is_taken(block: Any, tmp_path: Path) -> None:
    (file := tmp_path / "config.toml").write_text(block.text, encoding="utf-8")
    said = tomllib.loads(block.text)
    keys = {
        f"{name}.{inner}" if isinstance(value, dict) else name
        for name, value in said.items()
        for inner in (value if isinstance(value, dict) else [name])
    }

    assert load({}, {}, file).origins.keys() == keys


def test_what_the_pages_say_of_defaults_is_so() -> None:
    """Figures in the prose, by the setting that makes them."""
    default = Settings()

    text = (ROOT / "docs/safety.md").read_text(encoding="utf-8")
    for key, said in {"per_trade_ratio": "1 %", "position_cap_ratio": "10 %", "exposure_cap_ratio": "50 %"}.items():
        share = f"{getattr(default.risk, key) * 100:.0f} %"
        assert said == share and re.search(rf"`risk\.{key}`[^(]*\({share}\)", text), key
    assert (default.budget.day_usd, default.budget.month_usd) == (1, 20)
    assert "at most 1 USD a day and 20 a month" in (ROOT / "docs/faq.md").read_text(encoding="utf-8")
    results = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    assert f"({default.paper.fee_ratio * 100:.3f} %)" in results and default.paper.slippage_bps == 2
    assert "`min_bars`" in (ROOT / "docs/replay.md").read_text(encoding="utf-8") and default.min_bars == 200


def test_the_comparison_says_of_every_row_something_of_everybody() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    [table] = re.findall(r"^\| \| Semantic Signal \|.*?\n\n", text, re.DOTALL | re.MULTILINE)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()]

    assert {len(row) for row in rows} == {len(rows[0])}
    assert all(cell for row in rows[1:] for cell in row)


def test_the_forms_for_issues_can_be_read() -> None:
    for path in sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")):
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        fields = [one for one in form.get("body", ()) if one["type"] != "markdown"]
        assert path.stem == "config" or (form["name"] and form["description"] and fields), path
        assert len({one["id"] for one in fields}) == len(fields)
        assert all(one["attributes"]["label"] for one in fields)
