"""Terminal, page, API and Discord say the same of luck on one ledger."""

import asyncio
import json
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from html import unescape
from math import sin
from typing import Any

import pytest
from drivers.instance import here
from drivers.test_news_api import asking, at_home, in_the_cloud
from drivers.test_report import JULY, closed, home_of, marked, trade
from stages.test_notify import heard
from world import BTC, H4, bars, decision, path, signal, world

from semanticsignal import wiring
from semanticsignal.adapters.sqlite import SqliteLedger
from semanticsignal.domain.decision import Action, Forecast
from semanticsignal.domain.events import DecisionMade, EquityMarked
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.messages import Message
from semanticsignal.domain.policy import Paper
from semanticsignal.stages.notify import notify

DAYS = 30
END = JULY + timedelta(days=DAYS)
# Figure → its name in words, how it is written there.
WORDS = {
    "win_rate": ("win rate", "{:.1%}"), "mean_r": ("mean R", "{:+.2f}"), "profit_factor": ("profit factor", "{:.2f}"),
    "sharpe": ("Sharpe, annualized", "{:.2f}"), "max_drawdown": ("largest drawdown", "{:.2%}"),
    "against_hold": ("against buy and hold, without funding", "{:+.2%}"),
}  # fmt: skip


def price(bar: int) -> Decimal:
    return Decimal(f"{100 + 5 * sin(bar * 0.29) + 3 * sin(bar * 2.3):.2f}")


def forecast(bar: int) -> Entry:
    """The price goes up and down as nobody would guess; what is stated follows it a little."""
    at = JULY + bar * H4
    said = Forecast(0.5 + 0.2 * sin(bar * 1.7), 0.5 + 0.2 * sin(bar * 0.31))
    made = decision(
        replace(signal(Action.HOLD, None, None), forecast=said), id=f"d{bar}", closed_at=at, decided_at=at,
        price=price(bar),
    )  # fmt: skip
    return Entry(DecisionMade(made.id, BTC, at), made)


@dataclass(frozen=True)
class Told:
    """What each of them says."""

    terminal: str
    page: str
    machines: dict[str, Any]
    intervals: dict[str, Any]
    calibration: list[dict[str, Any]]
    message: Message

    def figure(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(one for one in self.intervals["figures"] if one["name"] == name)
        return found


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("alike")
    # each open for three days, so that three are open at once
    trades = [
        replace(trade(n, f"{15 * sin(n * 2.1) - 1:.2f}"), opened_at=JULY + (n - 3) * timedelta(days=1))
        for n in range(3, 30)
    ]
    home = home_of(folder, [
        *map(forecast, range(DAYS * 6)), *map(closed, trades),
        *(marked(JULY + bar * H4, f"{10_000 + 40 * sin(bar * 0.13) + 9 * sin(bar * 1.1):.2f}")
          for bar in range(1, DAYS * 6 + 1)),
    ])  # fmt: skip
    done = here("report", "--home", home, "--html", "told.html", "--json", "told.json", folder=folder)
    assert done.returncode == 0, done.stderr
    ledger = SqliteLedger(home / wiring.LEDGER, Decimal(10_000))
    intervals, calibration, message = asyncio.run(asked(ledger))
    ledger.close()
    page = unescape(re.sub(r"<[^>]*>", " ", (folder / "told.html").read_text()))
    machines = json.loads((folder / "told.json").read_text())
    return Told(done.stdout, page, machines, intervals, calibration, message)


async def asked(ledger: SqliteLedger) -> tuple[dict[str, Any], list[dict[str, Any]], Message]:
    """The dashboard's figures, the same at home and in the cloud, and the message of the day that ends the ledger."""
    on, listener = heard(world(bars(path([100, 101, 102])), ledger=ledger))
    on.clock.set(END)  # type: ignore[attr-defined]
    answers = []
    for site in (at_home, in_the_cloud):
        async with asking(on, site) as ask:
            answers.append((await ask("/api/intervals"), await ask("/api/calibration")))
    assert answers[0] == answers[1]
    await notify(EquityMarked(END.isoformat(), END), on)
    (intervals, calibration), *_ = answers
    return intervals, calibration["calibrations"], listener.messages[f"performance#{END - timedelta(days=1):%Y-%m-%d}"]


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_machines_read_the_same_figures_from_report_and_api_to_the_last_digit(told: Told) -> None:
    assert told.machines["figures"] == told.intervals["figures"]
    assert told.machines["calibration"] == told.calibration
    assert told.machines["verdict"] == told.intervals["verdict"]
    # they are no small ones: trades overlap, forecasts do
    assert 8 < told.figure("win_rate")["effective"] < told.figure("win_rate")["n"] == 27
    assert all(one["skill_low"] < one["brier_skill"] < one["skill_high"] for one in told.calibration)


def test_equity_and_holding_are_compared_at_the_last_mark_whose_price_was_decided_on(told: Told) -> None:
    """The last mark has no decision: nobody knows what holding was worth at it."""
    newest = DAYS * 6 - 1
    equity, (first, last) = 10_000 + 40 * sin(newest * 0.13) + 9 * sin(newest * 1.1), map(price, (1, newest))
    paper = Paper()
    paid = first * (1 + paper.slippage_bps / 10_000) * (1 + paper.fee_ratio)

    assert told.figure("against_hold")["n"] == newest
    assert told.figure("against_hold")["value"] == pytest.approx(equity / float(10_000 / paid * last) - 1, abs=1e-6)


@pytest.mark.parametrize("name", WORDS)
def test_terminal_and_page_write_what_the_api_says(told: Told, name: str) -> None:
    title, form = WORDS[name]
    one = told.figure(name)
    row = " ".join(
        [title, *("none" if one[end] is None else form.format(one[end]) for end in ("value", "low", "high"))]
    )

    assert one["value"] is not None
    assert f" {row} " in squeezed(told.terminal)
    assert f" {row} " in squeezed(told.page)


def test_skill_and_every_bin_of_it_is_that_of_the_api(told: Told) -> None:
    for one in told.calibration:
        skill = "{brier_skill:+.3f} {skill_low:+.3f} to {skill_high:+.3f} {forecasts}".format(**one)
        bins = [
            "{happened:.1%} {low:.0%} to {high:.0%} {forecasts} {independent} {stated:.1%}".format(
                **bin, independent=int(bin["effective"])
            )
            for bin in one["bins"]
        ]
        for text in (squeezed(told.terminal), squeezed(told.page)):
            assert skill in text
            assert len(bins) > 5 and all(each in text for each in bins)


def test_the_daily_message_says_of_all_trades_what_the_api_says(told: Told) -> None:
    rows = {row.name: squeezed(row.value.replace("−", "-")).replace(" %", "%") for row in told.message.rows}
    won, mean = told.figure("win_rate"), told.figure("expectancy")

    assert rows["Share won"] == "{value:.1%}, at 90% sure: {low:.1%} to {high:.1%}".format(**won)
    assert re.findall(r"[+-]\d+\.\d\d", rows["Mean of a trade"]) == [
        f"{mean[end]:+.2f}" for end in ("value", "low", "high")
    ]
    assert told.message.text == told.intervals["said"]
    assert told.intervals["said"] in told.terminal and told.intervals["said"] in told.page


def test_every_message_names_the_same_share(told: Told) -> None:
    said = "{low:.1%} to {high:.1%}".format(**told.figure("win_rate"))

    assert f"90 % interval of the share {said}" in told.terminal
    assert f"90 % interval of the share {said}" in told.page
