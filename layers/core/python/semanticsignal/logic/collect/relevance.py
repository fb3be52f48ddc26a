"""How much an article is about a pair: Article, coin, instant → 0 … 1.

    score = about · freshness                      freshness = 0.3 + 0.7 · 2^(−age / half-life)
    about = (max(coin, market) + 0.15 · min(coin, market)) · worth
    coin  = focus · (0.60 title + 0.25 lead + 0.15 density)
    market = 0.45 · strongest · others

title    1 the headline names the coin. Editors put what a story is about there: most of the weight.
lead     1 the first 60 words name it (inverted pyramid: what matters stands first).
density  mentions per 100 words read, full at 3: beyond that repetition tells nothing. A rate, and only the first 600
         characters are read, so that no text gains by length. Without a body lead and density are 0: absent, not
         neutral.
focus    √ of the coin's share of all mentions of coins, a headline's counted fourfold: one of nine tickers in a
         round-up is not the subject, and the root keeps a duel of two (0.7) well above a list (0.33). Co-occurrence,
         that is.
market   what moves every coin: topics in the headline fully, in the lead at 0.5; the strongest and a quarter of what
         the others add. 0.45 keeps it below a headline about the coin (0.60) and above any other coin.
others   0.3 when the headline is about another coin than the one asked for: its ETF, its lawsuit is its own. Bitcoin
         leads the market: for every other coin its price is a topic of the market, at 0.6.
worth    0.5 for advertisement and guesses of prices, times 0.85 … 1 for what the text holds: half by the share of the
         query's words it has, 0.3 more when it has all of them, 0.2 by figures in headline and lead. Only a factor:
         neither lifts what is not about the pair.
freshness  half of 0.7 is gone after 12 hours, 0.3 stays: the day-old story of the coin is worth more than an aside of
         this hour.

The weights were set on the tuning half of tests/logic/collect/headlines.toml, and measured on the other by
`python -m bench relevance`. An article that was seen or published after the instant does not exist: None."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from math import sqrt

from ...domain.news import Article
from .coins import END, TOKEN, Mention, coin_of, mentions, unlisted
from .topics import is_advert, leader, market

HALF_LIFE = timedelta(hours=12)
QUERY = "price market trading"
READ, LEAD = 600, 60
FIGURE = re.compile(r"\b\d")
LEADING = "BTC"
# As many readings as a day has articles, twice: of a few kB each.
KEPT = 400


@dataclass(frozen=True, slots=True)
class Relevance:
    """`about`: whatever its age. `score`: at the instant."""

    about: float
    score: float


@dataclass(frozen=True, slots=True)
class Reading:
    """An article taken apart, once for all pairs. The first `title` tokens are the headline."""

    tokens: tuple[str, ...]
    lowered: tuple[str, ...]
    title: int
    coins: tuple[Mention, ...]
    topics: float
    leads: float
    is_advert: bool
    figures: int


def relevance(
    article: Article, ticker: str, at: datetime, query: str = QUERY, half_life: timedelta = HALF_LIFE
) -> Relevance | None:
    """Of `article` for the coin `ticker` at the instant `at`; None for what was not there yet."""
    if article.seen_at > at or article.published_at > at:
        return None
    about = _about(read(article.title, article.body[:READ]), coin_of(ticker), frozenset(query.lower().split()))
    freshness = 0.3 + 0.7 * 0.5 ** ((at - article.published_at) / half_life)
    return Relevance(about, about * freshness)


@lru_cache(KEPT)
def read(title: str, body: str) -> Reading:
    """Its words, coins and topics: the same for every pair and instant."""
    head = TOKEN.findall(title)
    tokens = [*head, END, *TOKEN.findall(body)]
    lowered = [token.lower() for token in tokens]
    start = len(head) + 1
    lead = tokens[start : start + LEAD]
    return Reading(
        tuple(tokens), tuple(lowered), start, mentions(tokens, lowered, start),
        market(head, lead), leader(head), is_advert(head), len(FIGURE.findall(" ".join((*head, *lead)))),
    )  # fmt: skip


def _about(text: Reading, coin: str, query: frozenset[str]) -> float:
    named = (*text.coins, *unlisted(coin, text.tokens, text.lowered, text.title))
    own, every = _weighed(named, text.title, coin), _weighed(named, text.title)
    parts = sorted((_of_coin(text, named, coin) * sqrt(own / every) if own else 0.0, _of_market(text, named, coin)))
    return min(1.0, parts[1] + 0.15 * parts[0]) * _worth(text, query)


def _of_coin(text: Reading, named: Iterable[Mention], coin: str) -> float:
    places = [one.at for one in named if one.coin == coin]
    in_title = any(at < text.title for at in places)
    in_lead = any(text.title <= at < text.title + LEAD for at in places)
    below = sum(at >= text.title for at in places)
    rate = below / max(100, len(text.tokens) - text.title) * 100
    return 0.60 * in_title + 0.25 * in_lead + 0.15 * min(1.0, rate / 3)


def _of_market(text: Reading, named: Iterable[Mention], coin: str) -> float:
    headlined = {one.coin for one in named if one.at < text.title}
    leads = text.leads if LEADING in headlined else 0.0
    is_of_another = headlined and coin not in headlined and LEADING not in headlined
    return 0.45 * max(text.topics, leads) * (0.3 if is_of_another else 1.0)


def _weighed(named: Iterable[Mention], title: int, coin: str = "") -> int:
    return sum(4 if one.at < title else 1 for one in named if not coin or one.coin == coin)


def _worth(text: Reading, query: frozenset[str]) -> float:
    top = text.lowered[: text.title + LEAD]
    share = len(query.intersection(top)) / len(query) if query else 0.0
    held = 0.5 * share + 0.3 * (share == 1.0) + 0.2 * min(1.0, text.figures / 4)
    return (0.5 if text.is_advert else 1.0) * (0.85 + 0.15 * held)
