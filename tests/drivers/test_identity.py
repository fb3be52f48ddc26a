"""When a home goes on with what it holds, and how it is said that it does not."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from semanticsignal.domain.policy import Settings
from semanticsignal.settings import KEYS, load
from semanticsignal.wiring import identity

AT = datetime(2026, 1, 5, tzinfo=UTC)


def held(tape: str = "a", recorded: str | None = None, **changed: Any) -> str:
    settings = load({key.replace("__", "."): value for key, value in changed.items()}, environ={}).settings
    return identity.replay(settings, since=AT, until=AT, tape=tape, recorded=recorded)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("home", "elsewhere"), ("port", 8123), ("cloud.log_days", 3), ("cloud.is_spot", True),
        ("memory.store", "embedded"),
        ("budget.day_usd", Decimal(7)), ("budget.month_usd", Decimal(70)), ("blockrun.call_usd", Decimal("0.01")),
        ("blockrun.payees", ("0x" + "1" * 40,)), ("model.timeout_s", 7.0), ("model.deadline_s", 700.0),
        ("collect.timeout_s", 3.0), ("collect.deadline_s", 10.0), ("context.timeout_s", 3.0), ("news.timeout_s", 3.0),
        ("simulation.seed", 1), ("simulation.speed", 1.0),
    ],
    ids=str,
)  # fmt: skip
def test_patience_money_and_places_make_no_other_plan(key: str, value: Any) -> None:
    assert identity.differing(held(), held(**{key: value})) == []


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("paper.fee_ratio", Decimal("0.0010"), "paper.fee_ratio: was 0.00075, now 0.001"),
        ("timeframe", "1h", "timeframe: was 4h, now 1h"),
        ("symbols", ("BTC/USDC", "ETH/USDC"), "symbols: was BTC/USDC, now BTC/USDC,ETH/USDC"),
        ("risk.cooldown_bars", 3, "risk.cooldown_bars: was 2, now 3"),
        ("memory.is_used", False, "memory.is_used: was true, now false"),
        ("model.name", "another", "model.name: was local-model, now another"),
        ("model.max_output_tokens", 2048, "model.max_output_tokens: was 8192, now 2048"),
        ("openrouter.fallback_model", "", "openrouter.fallback_model: was deepseek/deepseek-r1:free, now none"),
    ],
    ids=str,
)
def test_what_decisions_hang_on_makes_another_plan_and_is_said_by_its_key(key: str, value: Any, said: str) -> None:
    assert identity.differing(held(), held(**{key: value})) == [said]


def test_only_what_is_listed_here_makes_no_other_plan() -> None:
    """A new setting matters until somebody has thought about it."""
    without = {key for key in KEYS if identity.NO_MATTER.fullmatch(key)}

    assert {key for key in without if not key.startswith(("cloud.", "budget.", "discord.", "simulation."))} == {
        "home", "port", "memory.store", "blockrun.payees", "blockrun.chain", "blockrun.call_usd", "blockrun.day_usd",
        "model.timeout_s", "model.deadline_s", "collect.timeout_s", "collect.deadline_s", "context.timeout_s",
        "news.timeout_s",
    }  # fmt: skip


def test_everything_that_differs_is_said() -> None:
    said = identity.differing(held(), held(tape="b", recorded="/home/a", timeframe="1d", port=9000))

    assert said == ["recorded: was none, now /home/a", "timeframe: was 4h, now 1d", "tape: was a, now b"]


def test_one_number_spelled_twice_is_one_setting() -> None:
    settings = Settings()
    spelled = replace(settings, paper=replace(settings.paper, fee_ratio=Decimal("0.000750")))

    assert identity.replay(spelled, tape="a") == identity.replay(settings, tape="a")


def test_a_home_from_before_there_was_a_setting_had_its_default() -> None:
    words = json.loads(held().partition(" ")[2])
    del words["settings"]["memory"]["is_used"]
    words["settings"]["memory"]["is_no_more"] = 3
    old = "replay " + json.dumps(words)

    assert identity.differing(old, held()) == []
    assert identity.differing(old, held(**{"memory.is_used": False})) == ["memory.is_used: was true, now false"]


def test_of_a_run_and_a_replay_no_more_is_said_than_that() -> None:
    assert identity.differing("run live spot 4h", held()) == ["was a run live spot 4h, now a replay"]
    assert identity.differing("run live spot 4h", "run live spot 1h") == [
        "was a run live spot 4h, now a run live spot 1h"
    ]
    assert identity.differing("run live spot 4h", "run live spot 4h") == []
