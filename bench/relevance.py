"""Which articles are about a pair: ours against the reference's parts of words, on headlines graded by hand."""

import csv
import gzip
import json
import math
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from bench.measures import ROOT, START, Figure, timed
from semanticsignal.domain.market import Symbol
from semanticsignal.domain.news import Article
from semanticsignal.domain.policy import News
from semanticsignal.logic.collect import relevance as ours
from semanticsignal.logic.collect.excerpts import FLOOR, excerpts

GRADED = ROOT / "tests" / "logic" / "collect" / "headlines.toml"
COINS = ("BTC", "SOL", "NEAR", "LINK", "ONE", "OP")
NAMED = {"BTC": "bitcoin", "SOL": "solana", "NEAR": "near protocol", "LINK": "chainlink", "ONE": "harmony",
         "OP": "optimism"}  # fmt: skip
IMPORTANT = (
    "btc", "eth", "sol", "xrp", "bnb", "doge", "market", "trading", "regulation", "macroeconomics", "business",
    "exchange", "mining", "blockchain", "airdrop", "fiat", "meme", "arb", "op", "avax", "link", "ada", "dot", "sui",
    "apt",
)  # fmt: skip
AIMS = {("precision@5", "ours"): ">= 0.9", ("recall of all shown", "ours"): ">= 0.9"}
NOW = START + timedelta(hours=1)


class Graded(NamedTuple):
    article: Article
    grades: dict[str, int]
    is_held_out: bool


class Marks(NamedTuple):
    """Of one coin's ranking. `about`: of the first five those about the coin, of the five or fewer there are."""

    precision: float
    about: float
    recall: float
    found: float
    clean: float


def graded() -> list[Graded]:
    """All of one age: what is judged is relevance. The halves by the first bit of the headline's hash."""
    found = []
    for one in tomllib.loads(GRADED.read_text(encoding="utf-8"))["headline"]:
        seal = sha256(one["title"].encode()).hexdigest()
        article = Article(
            seal[:16], "hand", one["title"], one.get("body", ""), f"https://n.example/{seal}", START, START
        )
        found.append(Graded(article, one["grades"], int(seal[0], 16) >= 8))
    return found


def of_ours(article: Article, coin: str) -> float:
    found = ours.relevance(article, coin, NOW)
    return found.about if found else 0.0


def of_reference(article: Article, coin: str) -> float:
    """Its formula: keywords as parts of words, the coin as a word. Our articles have no categories and tags, so those
    terms are 0, and with them its important categories."""
    title, body = article.title.lower(), article.body.lower()
    name, ticker = NAMED.get(coin, coin.lower()), coin.lower()
    words = dict.fromkeys(re.findall(r"\b[a-z]{3,15}\b", f"{name} price analysis market trends"))
    keyword = sum(
        weight * (1 + math.log(1 + text.count(word)))
        for word in words for weight, text in ((10, title), (3, body)) if word in text
    )  # fmt: skip
    in_title, in_body = (re.search(rf"\b{ticker}\b", text) is not None for text in (title, body))
    about = 15 * in_title + 5 * in_body + 15 * (name in title) + 5 * (name in body)
    about += 8 * (coin in re.findall(r"\b[A-Z]{2,6}\b", f"{title} {body}".upper()))
    about += 20 * (title.startswith((ticker, name)) or f"{ticker} price" in title or f"{name} price" in title)
    density = 0.5 if len(body) < 300 else 1.2 if len(body) > 1000 else 1.0
    together = 1.5 if all(word in f"{title} {body}" for word in words) else 1.0
    away = (1.0 if about else 0.1) * (1.0 if in_title or name in title else 0.35)
    return (keyword + about) * density * together * away


def marks(some: Sequence[Graded], coin: str, score: Callable[[Article, str], float], floor: float) -> Marks:
    ranked = sorted(some, key=lambda one: (-score(one.article, coin), one.article.id))
    grades = [one.grades.get(coin, 0) for one in ranked]
    shown = [one.grades.get(coin, 0) for one in ranked if score(one.article, coin) > floor]
    relevant, about = sum(map(bool, grades)), grades.count(2)
    return Marks(
        sum(map(bool, grades[:5])) / 5,
        grades[:5].count(2) / min(5, about),
        sum(map(bool, grades[:10])) / min(10, relevant),
        sum(map(bool, shown)) / relevant,
        sum(map(bool, shown)) / max(1, len(shown)),
    )


def relevance() -> list[Figure]:
    figures = []
    titles = ("precision@5", "about the coin@5", "recall@10", "recall of all shown", "precision of all shown")
    for half, is_held_out in (("tuned on", False), ("held out", True)):
        some = [one for one in graded() if one.is_held_out is is_held_out]
        for who, score, floor in (("ours", of_ours, FLOOR), ("reference", of_reference, 0.0)):
            found = [marks(some, coin, score, floor) for coin in COINS]
            figures += [
                Figure(f"relevance {title}, {half}, {who}", "ratio", list(samples), AIMS.get((title, who), ""))
                for title, samples in zip(titles, zip(*found, strict=True), strict=True)
            ]
    figures += speed()
    return figures + ambiguous()


PROSE = (
    "Traders waited for the Fed on {0}, and the mood was calm.",
    "SOL rose {1}% to ${0}.50 in the U.S. on Monday.",
    "Solana's validators vote on proposal {0} next week.",
    "A spokesperson of the firm declined to comment on {1} cases.",
    "The company, which was founded by {1} former bankers, did not say who had paid for it.",
    "Analysts at desk {1} wrote that volumes had been thin since the holidays.", "Bitcoin changed hands at ${0},000.",
    "In a post, the developers said that {1} bugs had been found and mended before anybody came to harm.",
    "It was the largest such sum since {0}, according to data of the exchange.", "Ether lost {1}%.",
    "Users of the wallet will be asked to confirm each of the {1} steps, one after the other.",
    "Lawyers expect the case to take until the end of next year, if not longer than that.",
    "The plan needs the consent of two thirds of the holders, of whom {0} have answered so far.",
)  # fmt: skip


def busy_day() -> list[Article]:
    """200 long articles of ten publishers, each of its own sentences in its own order."""
    found = []
    for n in range(200):
        body = " ".join(PROSE[(n * step + step) % len(PROSE)].format(n * 7 + step, step) for step in range(1, 27))
        title = f"{'Solana' if n % 4 else 'NEAR Protocol'} story {n} of {n * n} gains on word {n * 13}"
        found.append(Article(f"{n:016}", f"source {n % 10}", title, body, f"https://n.example/{n}", START, START))
    return found


def speed() -> list[Figure]:
    """A full day for one pair, taken apart anew each time; then for the next pair of the same process."""
    day = busy_day()

    def work() -> object:
        ours.read.cache_clear()
        return excerpts(day, Symbol("SOL", "USDC"), NOW, News(), lambda told: told)

    def again() -> object:
        return excerpts(day, Symbol("SOL", "USDC"), NOW, News(), lambda told: told)

    return [
        Figure("excerpts of 200 articles for the first pair", "ms", timed(work, 20), "<= 40"),
        Figure("excerpts of 200 articles for a further pair", "ms", timed(again, 20), "<= 20"),
    ]


def recorded() -> Iterator[Article]:
    """What was really written: 1,042 headlines with a sentence, 83 bodies."""
    folder = Path(os.environ.get("SEMSIG_DATA") or ROOT.parent / "shared" / "data") / "news"
    if not folder.is_dir():
        return
    with gzip.open(folder / "cryptonews_labelled_2021-10_2022-01.csv.gz", "rt", encoding="utf-8") as lines:
        yield from (
            _article(n, row["title"], row["text"], row["source"]) for n, row in enumerate(csv.DictReader(lines))
        )
    with gzip.open(folder / "fullbody_2024-06_a.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    yield from (_article(10_000 + n, row["title"], row["body"], row["source"]) for n, row in enumerate(rows))


def _article(number: int, title: str, body: str, source: str) -> Article:
    return Article(f"{number:016}", source, title.strip(), body, f"https://n.example/{number}", START, START)


def ambiguous() -> list[Figure]:
    """Of recorded articles: how many hold the ticker as part of a word, and how many of those speak of the coin."""
    figures, some = [], list(recorded())
    for coin in ("NEAR", "LINK", "ONE", "OP", "SOL", "DOT", "ATOM", "ARB") if some else ():
        parts = [one for one in some if coin.lower() in f"{one.title} {one.body[: ours.READ]}".lower()]
        spoken = [one for one in parts if coin in {m.coin for m in ours.read(one.title, one.body[: ours.READ]).coins}]
        figures.append(Figure(f"recorded articles with the letters {coin}", "articles", [float(len(parts))]))
        figures.append(Figure(f"recorded articles with the letters {coin} that name the coin", "articles",
                              [float(len(spoken))]))  # fmt: skip
    return figures
