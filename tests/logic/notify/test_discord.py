"""Any words of a model as messages: under every limit, all of them in order, and nothing in them that acts."""

import json
import re
from dataclasses import replace
from decimal import Decimal

import pytest
from discord_server import refused
from hypothesis import example, given
from hypothesis import strategies as st
from world import BTC, MONDAY, decision, position, signal

from semanticsignal.domain.analysis import Level
from semanticsignal.domain.decision import Action, Refusal
from semanticsignal.domain.market import Symbol
from semanticsignal.domain.messages import Message, Row, Tone, Topic
from semanticsignal.logic.notify import messages
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
LIVE = re.compile(r"@(everyone|here)|<[@#/:a-zA-Z]|\]\(|https?://|``")


def message(text: str, rows: tuple[Row, ...] = (), title: str = "BTC/USDC · BUY") -> Message:
    return Message("m", Topic.ANALYSIS, Tone.BUY, MONDAY, title, "line", "Paper money only", 60.0, text=text, rows=rows)


def seen(text: str) -> str:
    """What there is to see of it."""
    return "".join(text.replace(GAP, "").split())


@given(WORDS, st.lists(st.tuples(WORDS, WORDS), max_size=30), WORDS)
@example("x" * 30_000, [("n" * 400, "v" * 2000)] * 30, "t" * 300)
@example("👩‍👩‍👧‍👦" * 3_000, [], "")
@example("\n" * 9_000, [], "\u202e")
def test_any_words_are_posted_in_order_under_every_limit(text: str, rows: list[tuple[str, str]], title: str) -> None:
    made = posts(message(text, tuple(Row(*row) for row in rows), f"BTC {title}"), "normal")

    told = [json.loads(post.body) for post in made]
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

    told = [m for id in ("a", "b") for m in messages.decided(replace(first, id=id), Known(False, 60))]

    assert [m.title for m in told if m.topic == "decision"] == ["BTC/USDC · HOLD: BUY refused"] * 2
    assert len({m.id for m in told if m.topic == "alarm"}) == 1 and all(
        m.is_minor for m in told if m.topic == "decision"
    )


@pytest.mark.parametrize(("mark", "tone"), [("101", Tone.GAIN), ("99", Tone.LOSS), ("100", Tone.FLAT)])
def test_a_position_has_the_color_of_its_result(mark: str, tone: Tone) -> None:
    assert messages.status(position(mark_price=Decimal(mark)), MONDAY, Known(False, 60)).tone is tone


def test_the_words_before_the_answer_are_the_narrative() -> None:
    assert messages.narrative("Up.\n\nOr {not}.\n```json\n{}\n```\nlater") == "Up.\n\nOr {not}."
    assert messages.narrative('{"action": "HOLD"}') == ""
