"""A coin is named where the text leaves no doubt; the same letters elsewhere are words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.logic.collect.coins import coin_of, names, tickers, unlisted
from semanticsignal.logic.collect.facts import facts
from semanticsignal.logic.collect.relevance import read


def named(title: str, body: str = "") -> list[str]:
    return [one.coin for one in read(title, body).coins]


@pytest.mark.parametrize(
    ("text", "coins"),
    [
        ("NEAR Protocol ships", ["NEAR"]),
        ("$NEAR breaks out", ["NEAR"]),
        ("NEAR/USDT and LINK-USD tested", ["NEAR", "LINK"]),
        ("NEARUSDT, ETHUSD", ["NEAR", "ETH"]),
        ("LINK surges 5%", ["LINK"]),
        ("Chainlink (LINK) rises", ["LINK", "LINK"]),
        ("Harmony (ONE) jumps", ["ONE", "ONE"]),
        ("Harmony network grows", ["ONE"]),
        ("Staked ONE at record", ["ONE"]),
        ("Layer-2 Optimism grows", ["OP"]),
        ("A NEAR-based game", ["NEAR"]),
        ("SOL, AVAX and NEAR higher", ["SOL", "AVAX", "NEAR"]),
        ("Fees fall on Ethereum, Arbitrum and Optimism", ["ETH", "ARB", "OP"]),
        ("A week for Cosmos as ATOM is bought back", ["ATOM", "ATOM"]),
        ("Bitcoin Cash, not Bitcoin", ["BCH", "BTC"]),
        ("Ethereum Classic forks", ["ETC"]),
        ("solana’s founder, bitcoin's rise", ["SOL", "BTC"]),
        ("MATIC is POL token now", ["POL", "POL"]),
    ],
)
def test_what_gives_a_coin_away(text: str, coins: list[str]) -> None:
    assert named(text) == coins


@pytest.mark.parametrize(
    "text",
    [
        "Trades near the end", "One of them", "A link to it", "Op-ed: on ethics", "OP-ED", "A solution, in isolation",
        "Harmony in markets", "Optimism grows", "Stocks rise on Optimism over a deal", "The dot-com years",
        "Atomic swaps", "Arbitrage", "This ONE token will change all", "Why ONE studio left", "Formula ONE team",
        "GAME STUDIO NEAR DEAL WITH TOY MAKER", "So near", "Compound interest", "Ripple effects",
        "An avalanche of offers", "The Colorado Avalanche win", "A market maker", "Form (SOL) filed", "Sui generis",
        "Maker of phones", "The ETC group", "Natural gas", "Yield curve",
    ],
)  # fmt: skip
def test_the_same_letters_elsewhere_are_words(text: str) -> None:
    assert named(text) == []


def test_capitals_say_nothing_where_all_are_capitals() -> None:
    assert named("BITCOIN, ONE MORE TIME, NEAR ITS HIGH") == ["BTC"]
    assert named("BTC, SOL, NEAR, LINK: FOUR CHARTS") == ["BTC"]
    assert named("BTC, SOL, NEAR, LINK: four charts") == ["BTC", "SOL", "NEAR", "LINK"]


def test_a_coin_once_named_has_its_hints_believed_all_over_the_text() -> None:
    assert named("Harmony votes", "The price of ONE halved.") == ["ONE", "ONE"]
    assert named("Harmony votes", "One of them left.") == []
    assert named("Harmony votes", "Harmony Protocol pays in ONE.") == ["ONE"] * 3


def test_a_ticker_in_no_list_is_named_by_its_sign_its_pair_or_what_it_does() -> None:
    def places(text: str) -> int:
        tokens = read(text, "")
        return len(unlisted("QQQX", tokens.tokens, tokens.lowered, tokens.title))

    assert [places(text) for text in ("$QQQX up, QQQX!", "QQQX/USDT", "QQQX surges", "of QQQX", "nothing")] == [
        2, 1, 1, 0, 0,
    ]  # fmt: skip


def test_the_list_holds_facts_of_many_coins_each_once() -> None:
    coins = facts("coins")["coin"]

    assert len(coins) >= 60
    assert len({coin["ticker"] for coin in coins}) == len(coins)
    assert len(tickers()) == sum(1 + len(coin.get("others", ())) for coin in coins)
    ways = [(name.words, name.kind) for some in names().values() for name in some]
    assert len(ways) == len(set(ways))
    assert coin_of("matic") == "POL"
    assert coin_of("NOBODY") == "NOBODY"


@given(st.text(), st.text())
def test_any_text_can_be_read(title: str, body: str) -> None:
    found = read(title, body).coins

    assert list(found) == sorted(found, key=lambda one: one.at)
    assert all(one.end > one.at for one in found)
