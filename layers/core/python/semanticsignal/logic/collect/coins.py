"""Which coins a text speaks of: word by word, never part of a word.

Many a ticker is an ordinary word (ONE, NEAR, LINK), many a name another thing's name (Harmony, Optimism). Such a hint
counts where the text gives it away: `$NEAR`, `NEAR/USDT`, `Harmony (ONE)`, `LINK surges`, `Optimism network`,
`BTC, SOL and LINK`. A coin once named without a doubt has its hints believed all over that text. Where everything is in
capitals, capitals say nothing. The facts are in coins.toml."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import NamedTuple

from .facts import facts

# Words, and the marks that say what a word is.
TOKEN = re.compile(r"\w+|[$/(),&-]")
QUOTES = ("USDT", "USDC", "USD")
PAIRED = frozenset({*QUOTES, "EUR", "GBP", "BTC", "ETH"})
JOINED = frozenset({"based", "denominated", "backed", "margined", "native"})
LISTED = frozenset({",", "and", "&", "/", "or", "vs", "versus"})
LAYERED = {("1", "-"), ("1", "layer"), ("2", "-"), ("2", "layer")}
END = "\n"
# So many tokens tell whether a text shouts.
HEARD = 60


class Kind(IntEnum):
    """How a name names; of two as long the lower is meant."""

    NAME = 0
    TICKER = 1
    HINT_TICKER = 2
    HINT_WORD = 3
    NO_COIN = 4


@dataclass(frozen=True, slots=True)
class Name:
    """One way of writing a coin, in small letters. `has_capital`: it counts only where the text has one."""

    coin: str
    words: tuple[str, ...]
    kind: Kind
    has_capital: bool = False


class Mention(NamedTuple):
    """`at` and `end` count tokens. `is_certain`: without what stands elsewhere; `is_loud`: among capitals alone."""

    coin: str
    at: int
    end: int
    kind: Kind
    is_certain: bool
    is_loud: bool


@cache
def hints() -> dict[str, frozenset[str]]:
    """The words that give a hint away."""
    return {name: frozenset(words.split()) for name, words in facts("coins")["hints"].items()}


@cache
def names() -> dict[str, tuple[Name, ...]]:
    """Every way of writing every coin by its first word, the longest first."""
    found: dict[str, list[Name]] = {}
    for name in _named():
        found.setdefault(name.words[0], []).append(name)
    return {first: tuple(sorted(some, key=lambda name: (-len(name.words), name.kind))) for first, some in found.items()}


@cache
def tickers() -> dict[str, str]:
    """What each ticker, former ones too, goes by here."""
    return {one: coin["ticker"] for coin in facts("coins")["coin"] for one in (coin["ticker"], *coin.get("others", ()))}


def coin_of(ticker: str) -> str:
    """MATIC is POL; what is in no list is itself."""
    return tickers().get(ticker.upper(), ticker.upper())


def mentions(tokens: Sequence[str], lowered: Sequence[str], title: int) -> tuple[Mention, ...]:
    """The coins in order, each as the longest name that fits. The first `title` tokens are the headline."""
    loud = (_is_loud(tokens[:title]), _is_loud(tokens[title : title + HEARD]))
    found = _listed(list(_found(tokens, lowered, title, loud)), lowered)
    certain = {one.coin for one in found if one.is_certain} | _agreeing(found)
    return tuple(one for one in found if one.coin in certain)


def unlisted(ticker: str, tokens: Sequence[str], lowered: Sequence[str], title: int) -> tuple[Mention, ...]:
    """A coin of which nothing is known but its ticker, where the text leaves no doubt."""
    if ticker in tickers() or ticker not in tokens:
        return ()
    name = Name(ticker, (ticker.lower(),), Kind.HINT_TICKER, has_capital=True)
    loud = (_is_loud(tokens[:title]), _is_loud(tokens[title : title + HEARD]))
    places = [at for at, token in enumerate(tokens) if token == ticker]
    if not any(_is_certain(name, tokens, lowered, at, loud[at >= title]) for at in places):
        return ()
    return tuple(Mention(ticker, at, at + 1, name.kind, is_certain=True, is_loud=False) for at in places)


def _named() -> Iterator[Name]:
    for text in facts("coins")["not_coins"]:
        yield Name("", tuple(text.split()), Kind.NO_COIN)
    for coin in facts("coins")["coin"]:
        ticker = coin["ticker"]
        for one in (ticker, *coin.get("others", ())):
            yield Name(ticker, (one.lower(),), Kind.HINT_TICKER if coin.get("word") else Kind.TICKER, has_capital=True)
        for one in coin["names"]:
            yield Name(ticker, tuple(one.lower().split()), Kind.NAME, one[0].isupper())
        for one in coin.get("words", ()):
            yield Name(ticker, tuple(one.lower().split()), Kind.HINT_WORD, has_capital=True)


def _is_loud(tokens: Sequence[str]) -> bool:
    known = tickers()
    words = [token for token in tokens if len(token) > 1 and token.isalpha() and token not in known]
    return len(words) > 1 and 4 * sum(word.isupper() for word in words) > 3 * len(words)


def _found(tokens: Sequence[str], lowered: Sequence[str], title: int, loud: tuple[bool, bool]) -> Iterator[Mention]:
    """Every name, hints too, none inside another."""
    known, taken = names(), 0
    anyhow, as_written = _starts()
    places = [
        at
        for at, (token, word) in enumerate(zip(tokens, lowered, strict=True))
        if word in anyhow or token in as_written
    ]
    for at in places:
        one = _named_here(known.get(lowered[at], ()), tokens, lowered, at) if at >= taken else None
        if one is not None:
            taken = at + len(one.words)
            if one.kind is not Kind.NO_COIN:
                is_certain = _is_certain(one, tokens, lowered, at, loud[at >= title])
                yield Mention(one.coin, at, taken, one.kind, is_certain, loud[at >= title])
        elif tokens[at] in _pairs():
            yield Mention(_pairs()[tokens[at]], at, at + 1, Kind.TICKER, is_certain=True, is_loud=False)


def _agreeing(found: Sequence[Mention]) -> set[str]:
    """Coins hinted at by ticker and by name in one text: either may mean another thing, hardly both."""
    quiet = {(one.coin, one.kind) for one in found if not one.is_loud}
    return {coin for coin, kind in quiet if kind is Kind.HINT_WORD and (coin, Kind.HINT_TICKER) in quiet}


@cache
def _starts() -> tuple[frozenset[str], frozenset[str]]:
    """How names begin: some in any case, in small letters; others as they must be written."""
    every = [name for some in names().values() for name in some]
    written = {form for one in every if one.has_capital for form in (one.words[0].upper(), one.words[0].capitalize())}
    return frozenset(one.words[0] for one in every if not one.has_capital), frozenset(written | _pairs().keys())


@cache
def _pairs() -> dict[str, str]:
    """SOLUSDT is a coin's price."""
    return {ticker + quote: coin for ticker, coin in tickers().items() for quote in QUOTES}


def _named_here(some: tuple[Name, ...], tokens: Sequence[str], lowered: Sequence[str], at: int) -> Name | None:
    for name in some:
        if len(name.words) > 1 and tuple(lowered[at : at + len(name.words)]) != name.words:
            continue
        token = tokens[at]
        if name.kind in {Kind.TICKER, Kind.HINT_TICKER}:
            if token.isupper():
                return name
        elif not name.has_capital or token[0].isupper():
            return name
    return None


def _is_certain(name: Name, tokens: Sequence[str], lowered: Sequence[str], at: int, is_loud: bool) -> bool:
    if name.kind <= Kind.TICKER:
        return True
    end = at + len(name.words)
    given, (before, after) = hints(), _around(lowered, at, end)
    if name.kind is Kind.HINT_WORD:
        is_explained = after[0] == "(" and tokens[end + 1] in tickers() and coin_of(tokens[end + 1]) == name.coin
        return is_explained or (
            before[0] not in given["loud"]
            and (after[0] in given["had"] or before[0] in given["before"] or before in LAYERED)
        )
    if before[0] == "$" or (after[0] in {"/", "-"} and after[1].upper() in PAIRED):
        return True
    if before[0] == "(" and after[0] == ")":
        return any(one.coin == name.coin and one.words[-1] == before[1] for one in _of(name.coin))
    if is_loud or len(tokens[at]) == 1 or before[0] in given["loud"]:
        return False
    return (
        after[0] in given["had"] | given["done"]
        or before[0] in given["before"] | given["dealt"]
        or (after[0] == "-" and after[1] in JOINED)
    )


def _around(lowered: Sequence[str], at: int, end: int) -> tuple[tuple[str, str], tuple[str, str]]:
    """Two tokens before, the nearest first, and two after."""
    before = (lowered[at - 1] if at else END, lowered[at - 2] if at > 1 else END)
    after = (*lowered[end : end + 2], END, END)
    return before, (after[0], after[1])


@cache
def _of(coin: str) -> tuple[Name, ...]:
    return tuple(name for name in _named() if name.coin == coin)


def _listed(found: list[Mention], lowered: Sequence[str]) -> list[Mention]:
    """A hint in a list is believed for the coin beside it: a ticker for one, an ordinary name for two."""
    for order in (range(len(found)), range(len(found) - 1, -1, -1)):
        step = -1 if order.step > 0 else 1
        for i in order:
            one = found[i]
            if one.is_certain or one.is_loud or not 0 <= i + step < len(found):
                continue
            other = found[i + step]
            first, then = (other, one) if step < 0 else (one, other)
            gap = [word for word in lowered[first.end : then.at] if word not in {"(", ")"}]
            is_beside = other.is_certain and other.coin != one.coin and 0 < len(gap) <= 2 and LISTED.issuperset(gap)
            enough = one.kind is Kind.HINT_TICKER or len({m.coin for m in found if m.is_certain}) > 1
            found[i] = one._replace(is_certain=is_beside and enough)
    return found
