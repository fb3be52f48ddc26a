"""The generated pages leave nothing out, and say what the product says."""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, get_args

import pytest

from manual import api, commands, facts, settings
from manual.drawing import THEMES as DRAWN
from manual.drawing import drawings, floors, flow
from manual.markdown import cell, code, sentence, table
from manual.staging import ROOT, BrokenLink, linked, records
from semanticsignal.domain import events
from semanticsignal.settings import KEYS, PLACES
from semanticsignal.stages import STAGES

DOCUMENT = json.loads((ROOT / "frontend/openapi.json").read_text(encoding="utf-8"))

SECRETS = (ROOT / ".env.example").read_text(encoding="utf-8")


def rows(page: str) -> list[list[str]]:
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    return [[part.strip() for part in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_every_setting_stands_there_with_its_default_bounds_variable_and_meaning() -> None:
    page = settings.page(SECRETS)
    told = rows(page)

    for key, (meaning, _) in KEYS.items():
        assert [key for row in told if row[0] == f"`{key.rpartition('.')[2]}`" and row[4] == cell(meaning)], key
        assert f"`{settings.variable(key)}`" in page
    assert ["`cooldown_bars`", "`2`", "0 … 1,000 bars", "both", "bars between entries of a pair"] in told
    assert ["`fee_ratio`", "`0.00075`", "0 … 0.05 (0.01 is 1 %)", "both", "taker fee of each side"] in told
    assert {f"`{name}`" for name in PLACES.values()} <= {row[0] for row in told}
    for name in re.findall(r"^([A-Z_]+)=", SECRETS, re.MULTILINE):
        assert [row for row in told if f"`{name}`" in row[0] and row[1]], name


def test_what_only_one_place_reads_is_told_so() -> None:
    assert {settings.where(key) for key in KEYS} == {settings.HERE, settings.THERE, settings.BOTH, settings.REPLAY}
    assert settings.where("port") == settings.where("memory.store") == settings.HERE
    assert settings.where("cloud.budget_usd") == settings.THERE
    assert settings.where("budget.day_usd") == settings.where("discord.exit") == settings.BOTH


class Kind(StrEnum):
    A = "a"
    B = "b"


@pytest.mark.parametrize(
    ("kind", "bounds", "said"),
    [
        (int, {"ge": 1, "le": 65_535}, "1 … 65,535"),
        (float, {"gt": 0, "lt": 1}, "> 0 … < 1"),
        (int, {"ge": 0}, "0 or more"),
        (bool, {}, "`true`, `false`"),
        (Kind, {}, "`a`, `b`"),
        (tuple[str, ...], {"min_length": 1, "max_length": 3}, "a list, 1 to 3"),
        (tuple[Literal["x", "y"], ...], {"min_length": 1}, "a list of `x`, `y`, at least 1"),
        (str, {"max_length": 9}, "text, 0 to 9 characters"),
        (str, {"pattern": "^a$"}, "text like `^a$`"),
    ],
)
def test_what_is_allowed_is_said_in_words(kind: object, bounds: dict[str, object], said: str) -> None:
    assert settings.allowed(kind, bounds) == said


def test_every_command_stands_there_with_every_option_and_example() -> None:
    page = commands.page()
    found = dict(commands.commands())

    assert {"semsig run", "semsig memory worked", "semsig replay"} <= found.keys()
    for path, command in found.items():
        [section] = re.findall(rf"\n## {path} {{.*?(?=\n## |\Z)", page, re.DOTALL)
        for one in command.params:
            assert one.param_type_name == "argument" or all(f"`{name}" in section for name in one.opts), (
                path,
                one.opts,
            )
            assert (one.help or "") in section
        assert (command.help.count("Example") > 0) == ("```console" in section), path


def test_every_fact_stands_there_with_its_fields_and_who_hears_and_tells_it() -> None:
    page = facts.page()
    told = {row[0].partition("]")[0].strip("[`"): row for row in rows(page) if row[0].startswith("[`")}

    assert list(told) == [kind.__name__ for kind in get_args(events.Fact)]
    assert told["PositionClosed"][1:] == ["`watch`", "`reflect`, `notify`", "yes"]
    assert told["CandleClosed"][1:] == ["the schedule", "`collect`", ""]
    assert told["AnalysisRequested"][1] == "a person"
    for stage in STAGES:
        for kind in stage.hears if stage.name != "show" else ():
            assert f"`{stage.name}`" in told[kind.__name__][2]
    for kind in facts.FACTS:
        [section] = re.findall(rf"\n## {kind.__name__}\n.*?(?=\n## |\Z)", page, re.DOTALL)
        assert {row[0] for row in rows(section)} >= {f"`{name}`" for name in kind.__dataclass_fields__}


def test_a_field_that_nobody_explains_is_not_left_blank() -> None:
    @dataclass
    class Strange:
        oddity: str

    with pytest.raises(KeyError, match="oddity"):
        facts.section(Strange)


def test_every_endpoint_stands_there_with_parameters_and_shapes() -> None:
    page = api.page(DOCUMENT)

    for verb, path, one in api.questions(DOCUMENT):
        [section] = re.findall(rf"\n### {verb} {re.escape(path)} {{.*?(?=\n##|\Z)", page, re.DOTALL)
        assert all(f"`{each['name']}`" in section for each in one.get("parameters", ())), path
        assert "\nAnswer: " in section and "Errors: " in section
    shapes = set(re.findall(r"^### (\w+)$", page, re.MULTILINE))
    assert {"StateView", "DecisionView", "PositionClosedView"} <= shapes <= DOCUMENT["components"]["schemas"].keys()
    assert {name.lower() for name in shapes} >= set(re.findall(r"\]\(#(\w+view)\)", page))


def test_the_socket_is_said_to_send_what_the_list_of_events_holds() -> None:
    kinds = api.event_kinds(DOCUMENT)

    assert {"DecisionMadeView", "MinutePassedView", "AnalysisSteppedView"} <= kinds and len(kinds) == 18


def test_the_drawings_are_those_of_this_version() -> None:
    for name, drawn in drawings(ROOT).items():
        kept = (ROOT / "docs/assets" / name).read_text(encoding="utf-8")
        assert kept == drawn, f"docs/assets/{name} is behind: make docs ARGS=pictures"


def test_the_drawings_show_every_stage_of_a_candle_and_every_floor() -> None:
    drawn = flow(DRAWN["light"])

    assert all(f">{name}<" in drawn for name in ("collect", "analyse", "decide", "execute", "reflect", "review"))
    assert floors(ROOT)[0] == ["functions"] and floors(ROOT)[-1] == ["domain"]


def test_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs/assets").iterdir()}

    assert max(sizes.values()) <= 150_000 and sum(sizes.values()) < 600_000, sizes


def test_decisions_are_listed_newest_first_by_their_names() -> None:
    listed = records({"0001-a.md": "# 0001 First\n", "0002-b.md": "# 2. Second\n", "0003-c.md": "# 0003: Third\n"})

    assert re.findall(r"\[(\w+)\]\(([\w.-]+)\)", listed) == [
        ("Third", "0003-c.md"), ("Second", "0002-b.md"), ("First", "0001-a.md"),
    ]  # fmt: skip


PLACES_OF_PAGES = {"docs/a.md": "a.md", "docs/adr/0001-x.md": "adr/0001-x.md", "SECURITY.md": "security.md"}


@pytest.mark.parametrize(
    ("name", "written", "led"),
    [
        ("docs/a.md", "[x](adr/0001-x.md#why)", "[x](adr/0001-x.md#why)"),
        ("docs/a.md", "[x](../SECURITY.md)", "[x](security.md)"),
        ("SECURITY.md", "[x](docs/adr/0001-x.md)", "[x](adr/0001-x.md)"),
        ("docs/adr/0001-x.md", "[x](../a.md)", "[x](../a.md)"),
        ("docs/a.md", "[`y.py`](../manual/api.py)", "`y.py`"),
        ("docs/a.md", "[the rules](../manual/api.py)", "the rules (`manual/api.py`)"),
        ("docs/a.md", "[x](https://example.org/y) [y](#z)", "[x](https://example.org/y) [y](#z)"),
        ("docs/a.md", "```sh\n[x](nowhere)\n```", "```sh\n[x](nowhere)\n```"),
    ],
)
def test_a_link_leads_to_the_page_in_the_site(name: str, written: str, led: str) -> None:
    assert linked(name, written, PLACES_OF_PAGES, ROOT) == led


def test_a_link_to_what_is_not_there_ends_the_build() -> None:
    with pytest.raises(BrokenLink, match=r"docs/a\.md leads to no\.md, and there is no docs/no\.md"):
        linked("docs/a.md", "[x](no.md)", PLACES_OF_PAGES, ROOT)


def test_a_cell_holds_whatever_it_is_given() -> None:
    assert table(("a",), [("x|y\nz",)]).splitlines()[-1] == "| x\\|y z |"
    assert code("a`b") == "``a`b``"
    assert sentence("so\n it is") == "So it is."


def test_nothing_generated_is_kept_beside_what_is_written() -> None:
    from manual.staging import generated

    assert [name for name in generated() if Path(ROOT / "docs" / name).exists()] == []
