"""The coin's headline before the market's, the market's before another coin's; parts of words are nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import MONDAY

from bench.relevance import COINS, graded, marks, of_ours, of_reference
from semanticsignal.domain.news import Article
from semanticsignal.logic.collect.excerpts import FLOOR
from semanticsignal.logic.collect.relevance import Relevance, relevance

HOUR = timedelta(hours=1)


def article(title: str, body: str = "") -> Article:
    return Article("a", "hand", title, body, "https://n.example/a", MONDAY, MONDAY)


def about(title: str, body: str = "", ticker: str = "SOL", query: str = "price market trading") -> float:
    found = relevance(article(title, body), ticker, MONDAY, query)
    assert found
    return found.about


def test_the_coin_comes_before_the_market_and_the_market_before_another_coin() -> None:
    coin, market = about("Solana votes on a change"), about("Fed leaves rates where they are")
    leader, other = about("Bitcoin falls by a tenth"), about("Cardano falls by a tenth")

    assert coin > market > leader > FLOOR > other


def test_another_coins_fund_is_its_own() -> None:
    assert about("SEC approves Cardano ETF") < FLOOR < about("SEC approves ETF")
    assert about("SEC approves Cardano ETF", ticker="ADA") > about("SEC approves ETF", ticker="ADA")


def test_one_of_many_is_less_than_one_of_two_and_less_than_the_only_one() -> None:
    alone, two = about("Solana rises"), about("Solana and Cardano rise")
    many = about("Solana, Cardano, XRP, Litecoin, Monero and Tezos rise")

    assert alone > two > many > 0


def test_a_body_helps_where_it_tells_of_the_coin_and_not_by_its_length() -> None:
    told = "Solana is told of. " * 3
    idle = "The weather was fine and nothing else was said by anybody there. "

    assert about("Solana votes", told) > about("Solana votes")
    assert about("A vote is held", idle + told) < about("Solana votes")
    assert about("Solana votes", told + idle * 400) <= about("Solana votes", told + idle * 9)
    assert about("Weather", idle * 400 + told) == 0


def test_without_a_body_it_is_absent_not_neutral() -> None:
    assert about("Solana votes") == pytest.approx(0.6 * 0.85)


def test_advertisement_and_guesses_of_prices_count_for_half() -> None:
    assert about("Solana price prediction") < 0.6 * about("Solana price in motion")


def test_what_is_asked_for_lifts_what_is_relevant_alone() -> None:
    assert about("Solana trading", query="trading") > about("Solana trading", query="ships")
    assert about("Ships trading", query="trading ships") == 0
    assert about("Solana votes", query="") == about("Solana votes", query="ships")


def test_age_makes_less_by_half_lives_but_never_nothing() -> None:
    one = article("Solana votes")

    def at(hours: float) -> float:
        found = relevance(one, "SOL", MONDAY + hours * HOUR)
        assert found
        return found.score / found.about

    assert [at(0), at(12), at(24)] == pytest.approx([1, 0.65, 0.475])
    assert at(10_000) == pytest.approx(0.3)


def test_what_is_seen_or_published_later_does_not_exist() -> None:
    one = article("Solana votes")

    assert relevance(one, "SOL", MONDAY - HOUR) is None
    assert relevance(replace(one, seen_at=MONDAY + HOUR), "SOL", MONDAY) is None
    assert relevance(replace(one, published_at=MONDAY + HOUR), "SOL", MONDAY) is None


@given(st.text(), st.text(), st.sampled_from([*COINS, "NOBODY", "", "1INCH"]), st.text())
def test_any_text_is_judged_between_nothing_and_all(title: str, body: str, ticker: str, query: str) -> None:
    found = relevance(article(title, body), ticker, MONDAY + HOUR, query)

    assert found == relevance(article(title, body), ticker, MONDAY + HOUR, query)
    assert isinstance(found, Relevance)
    assert 0 <= found.score <= found.about <= 1


@pytest.mark.parametrize("scrap", ["$", "(", "near ", "the ", "SOL, ", "Bitcoin and ", "USD", "- ", "\u0130"])
def test_texts_of_any_length_take_no_time(scrap: str) -> None:
    assert about(scrap * 100, scrap * 200_000) >= 0


@pytest.mark.parametrize("is_held_out", [False, True])
def test_on_graded_headlines_ours_finds_what_parts_of_words_do_not(is_held_out: bool) -> None:
    some = [one for one in graded() if one.is_held_out is is_held_out]

    for coin in COINS:
        ours, theirs = marks(some, coin, of_ours, FLOOR), marks(some, coin, of_reference, 0.0)
        assert ours.precision >= max(0.8, theirs.precision)
        assert ours.about >= 0.8
        assert ours.found >= max(0.9, theirs.found)
        assert ours.clean >= 0.9 > theirs.clean


def test_there_are_enough_graded_headlines_in_both_halves() -> None:
    halves = [one.is_held_out for one in graded()]

    assert len(halves) >= 150
    assert 0.4 < sum(halves) / len(halves) < 0.6
