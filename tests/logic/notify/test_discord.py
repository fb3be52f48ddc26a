"""Any words of a model as messages: under every limit, all of them in order, and nothing in them that acts."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from discord_server import refused
from hypothesis import example, given
from hypothesis import strategies as st
from world import BTC, MONDAY, decision, position, signal

from semanticsignal.domain.analysis import Level
from semanticsignal.domain.asking import Attempt, Fault
from semanticsignal.domain.decision import Action, Decision, Refusal
from semanticsignal.domain.market import Symbol
from semanticsignal.domain.messages import Message, Row, Tone, Topic
from semanticsignal.logic.notify import alarms, messages
from semanticsignal.logic.notify.discord import posts
from semanticsignal.logic.notify.foreign import GAP, defused
from semanticsignal.logic.notify.messages import Known
from semanticsignal.logic.notify.words import money, price

PIECES = (
    "@everyone", "<@123>", "<@&9>", "<#5>", "</go:1>", "[free coins](https://x.y)", "```", "````js\n", "`", "||", "**",
    "👩‍👩‍👧‍👦", "🇩🇪", "e\u0301", "שלום", "مرحبا", "\u202e", "\u200b", "\ud800", " ", "\n", "\n\n", "word ", "x" * 900,
    "Ω", "<t:0:R>", "<:a:1>", "https://evil.example/", "<script>", "\x00", "字" * 300,
)  # fmt: skip
WORDS = st.lists(st.sampled_from(PIECES) | st.text(max_size=30), max_size=60).map("".join)
KNOWN = Known(False, 14_400)
LIVE = re.compile(r"@(everyone|here)|<[@#/:a-zA-Z]|\]\(|https?://|``")


def message(text: str, rows: tuple[Row, ...] = (), title: str = "BTC/USDC · BUY") -> Message:
    return Message("m", Topic.ANALYSIS, Tone.BUY, MONDAY, title, "line", "Paper money only", 60.0, text=text, rows=rows)


def seen(text: str) -> str:
    """What there is to see of it."""
    return "".join(text.replace(GAP, "").split())


@given(WORDS, st.lists(st.tuples(WORDS, WORDS), max_size=30), WORDS)
@example("x" * 30_000, [("n" * 400, "v" * 2000)] * 30, "t" * 3000)
@example("👩‍👩‍👧‍👦" * 3_000, [], "")
@example("\n" * 9_000, [], "\u202e")
def test_any_words_are_posted_in_order_under_every_limit(text: str, rows: list[tuple[str, str]], title: str) -> None:
    told_of = message(text, tuple(Row(*row) for row in rows), f"BTC {title}")
    made = posts(replace(told_of, about=f"Paper money only {title}"), "normal")

    told = [json.loads(post.body) for post in made]
    assert all(each["embeds"][0]["footer"]["text"].startswith("Paper money only") for each in told)
    assert [refused(each) for each in told] == [""] * len(told)
    assert seen("".join(each["embeds"][0].get("description", "") for each in told)) == seen(defused(text))
    assert not any(LIVE.search(text) for each in told for text in strings(each))


@given(WORDS)
def test_what_is_defused_looks_the_same(text: str) -> None:
    unseen = re.compile(r"[\x00-\x20\x7f-\xa0\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\ud800")

    assert seen(unseen.sub("", defused(text).replace("?", ""))) == seen(unseen.sub("", text.replace("?", "")))


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def strings(told: object) -> list[str]:
    match told:
        case dict():
            return [text for item in told.values() for text in strings(item)]
        case list():
            return [text for item in told for text in strings(item)]
        case str():
            return [told]
    return []


def test_prices_have_the_decimals_of_their_tick_and_money_those_that_matter() -> None:
    pepe, inverse = Symbol("PEPE", "USDT"), Symbol("ETH", "BTC")

    assert plain(price(Decimal("64250.1"), BTC, Decimal("0.01"))) == "64,250.10 USDC"
    assert plain(price(Decimal("0.00001234"), pepe, Decimal("0.00000001"))) == "0.00001234 USDT"
    assert plain(price(Decimal("0.0000123"), pepe)) == "0.0000123 USDT"
    assert plain(money(Decimal("-12.345"), "USDC", is_signed=True)) == "−12.34 USDC"
    assert plain(money(Decimal("0.000123456"), inverse.quote)) == "0.0001235 BTC"
    assert plain(money(Decimal("0.7639"), "USDC")) == "0.76 USDC"
    assert plain(money(Decimal(0), "USDC", is_signed=True)) == "+0.00 USDC"


def test_a_decision_says_what_was_decided_on_what_and_why() -> None:
    made = decision(signal(size=0.05), decided_at=MONDAY)
    known = Known(True, 14_400, Decimal("0.01"), "First the trend.\nThen the rest.", (Level("support", 97.5, 3, 4),))

    told, words = messages.decided(made, known)

    rows = {row.name: plain(row.value) for row in told.rows}
    assert told.title == "BTC/USDC · BUY" and told.text == "because" and "simulated market" in told.about
    assert rows["Stop"] == "98.00 USDC\n−2.00 %" and rows["Target"] == "104.00 USDC\n+4.00 %"
    assert rows["Reward / risk"] == "2.00" and rows["Confidence"] == "70 %" and rows["Support"] == "97.50 USDC"
    assert words.topic == "analysis" and words.text == "First the trend.\nThen the rest."


def test_a_breaker_is_an_alarm_under_one_name_for_the_whole_pause() -> None:
    pause = Refusal("drawdown", "equity is 26.0% below its peak", MONDAY)
    first = decision(signal(), action=Action.HOLD, refusals=(pause,))
    both = [replace(first, id=id) for id in ("a", "b")]

    told = [m for made in both for m in messages.decided(made, KNOWN)]
    rung = [m for made in both for m in alarms.paused(made, KNOWN)]

    assert [m.title for m in told] == ["BTC/USDC · HOLD: BUY refused"] * 2 and all(m.is_minor for m in told)
    assert len({m.id for m in rung}) == 1 and rung[0].title == "No new positions until 2026-01-05 00:00 UTC"
    assert "26.0%" in rung[0].text and rung[0].topic is Topic.ALARM


def bar(number: int, pair: str = "BTC", fault: Fault | None = None, *, answered: bool = False) -> Decision:
    """Of one pair, that many bars after Monday's first; `fault`: what came of asking gemini."""
    ill = () if fault is None else (Attempt("gemini", "flash", MONDAY, 1.0, fault=fault, said="no"),)
    well = (Attempt("openrouter", "other", MONDAY, 1.0),) if answered else ()
    refusals = (Refusal("model", "gemini: no"),) if ill and not well else ()
    at = MONDAY + number * timedelta(hours=4)
    return decision(
        symbol=Symbol(pair, "USDC"), closed_at=at, decided_at=at, refusals=refusals, attempts=(*ill, *well),
        id=f"{pair}{at}",
    )  # fmt: skip


def rung(*lived: Decision) -> list[str]:
    """The alarms of such a life, each once."""
    told = {}
    for number, made in enumerate(lived):
        earlier = [one for one in lived[:number][::-1] if one.closed_at < made.closed_at]
        told |= {one.id: one.title for one in alarms.troubled(made, earlier, KNOWN)}
    return list(told.values())


def test_a_dead_model_rings_once_for_all_pairs_and_candles_until_it_has_answered_all_of_one() -> None:
    dead, lost = Fault.CONNECTION, "No model answers with a decision"
    pairs = [bar(0), bar(0, "ETH"), bar(1, fault=dead), bar(1, "ETH", dead), bar(2, fault=dead), bar(2, "ETH")]

    assert rung(*pairs) == [lost]
    assert rung(bar(0), bar(1, fault=dead), bar(2), bar(3, fault=dead)) == [lost] * 2
    assert rung(bar(0, fault=dead), bar(1, fault=dead)) == [lost]
    assert rung(bar(0), bar(1)) == []


def test_spent_money_and_a_key_that_is_refused_ring_and_a_server_that_was_busy_does_not() -> None:
    assert rung(bar(0), bar(1, fault=Fault.BUDGET), bar(2, fault=Fault.BUDGET)) == ["The money for models is spent"]
    assert rung(bar(0), bar(1, fault=Fault.AUTH, answered=True), bar(2, fault=Fault.AUTH, answered=True)) == [
        "gemini answers no more"
    ]
    assert rung(bar(0), bar(1, fault=Fault.OVERLOAD, answered=True)) == []


@pytest.mark.parametrize(
    ("hours", "speed", "rings"), [(8.9, 1, False), (9, 1, True), (9, 7200, False), (121, 7200, True)]
)
def test_two_candles_without_a_decision_ring_however_fast_the_clock_runs(
    hours: float, speed: float, rings: bool
) -> None:
    """Of four hours each, and what a decision may take; at 7200 times a minute is five days."""
    told = alarms.silent(BTC, MONDAY, MONDAY + timedelta(hours=hours), speed, KNOWN)

    assert (told is not None) is rings
    assert told is None or told.title == "BTC/USDC: nothing was decided for two candles"


@pytest.mark.parametrize(("mark", "tone"), [("101", Tone.GAIN), ("99", Tone.LOSS), ("100", Tone.FLAT)])
def test_a_position_has_the_color_of_its_result_which_is_before_fees(mark: str, tone: Tone) -> None:
    told = messages.status(position(mark_price=Decimal(mark)), MONDAY, Known(False, 60))

    assert told.tone is tone
    assert told.title.endswith("USDC before fees") and told.line.endswith("USDC before fees")


def test_the_words_before_the_answer_are_the_narrative() -> None:
    assert messages.narrative("Up.\n\nOr {not}.\n```json\n{}\n```\nlater") == "Up.\n\nOr {not}."
    assert messages.narrative('{"action": "HOLD"}') == ""
