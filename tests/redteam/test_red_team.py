"""Hostile articles on their way into a decision: none of them may change one, not even that of a model that obeys."""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from unicodedata import category, normalize
from xml.sax.saxutils import escape

import orjson
import pytest
from world import BTC, H4, MONDAY, bars, close, snapshot, subjects, world

from semanticsignal.adapters.rss import RssFeed
from semanticsignal.domain.decision import Briefing, Prompt, Reply
from semanticsignal.domain.events import HourPassed
from semanticsignal.domain.market import MarketKind
from semanticsignal.domain.news import Article, Excerpt
from semanticsignal.domain.policy import News, Settings
from semanticsignal.domain.trading import Account, Portfolio
from semanticsignal.logic.collect.articles import kept
from semanticsignal.logic.collect.defuse import defused
from semanticsignal.logic.collect.excerpts import excerpts
from semanticsignal.logic.decide.analyst import answer
from semanticsignal.logic.decide.envelope import enveloped, nonce
from semanticsignal.logic.decide.prompt import prompt
from semanticsignal.stages.news import news as read_news
from tests.feeds import Told

HOUR = timedelta(hours=1)
NOW = MONDAY + H4
CORPUS = tomllib.loads(Path(__file__).with_name("articles.toml").read_text(encoding="utf-8"))["article"]
UNSEEN = tomllib.loads(Path(__file__).with_name("paraphrases.toml").read_text(encoding="utf-8"))["told"]
NAMES = [f"{number}-{told['family']}" for number, told in enumerate(CORPUS)]
Hostile = dict[str, str]


def body(told: dict[str, str | int]) -> str:
    repeated = str(told.get("repeated", "")) * int(told.get("times", 0))
    return f"{told.get('before', '')}{repeated}{told['body']}"


def feed(*told: dict[str, str | int]) -> bytes:
    """As a publisher that was broken into would send them: about the pair, and fresh."""
    items = "".join(
        f"<item><title>{escape(str(one['title']))}</title><link>https://n.example/{one.get('at', '')}{number}</link>"
        f"<pubDate>{format_datetime(NOW - HOUR)}</pubDate><description>{escape(body(one))}</description></item>"
        for number, one in enumerate(told)
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{items}</channel></rss>'.encode()


async def gathered(*told: dict[str, str | int]) -> tuple[Article, ...]:
    read = await RssFeed(Told(feed(*told)), "broken", "").articles(until=NOW, limit=500)
    return kept(read, NOW, timedelta(hours=24))


def shown(read: Iterable[Article]) -> tuple[Excerpt, ...]:
    return excerpts(read, BTC, NOW, News(), defused)[0]


def forced(read: Iterable[Article]) -> tuple[Excerpt, ...]:
    """Everything that is not withheld, whatever it is about, and whole."""
    made = []
    for one in read:
        title, text = defused(one.title), defused(one.body)
        if title is not None and text is not None:
            made.append(Excerpt(one.id, one.source, title, text, one.url, one.published_at, one.seen_at, 1.0))
    return tuple(made)


def raw(told: dict[str, str | int]) -> Excerpt:
    """As a house without walls would show it."""
    return Excerpt("raw", "broken", str(told["title"]), body(told), "", NOW, NOW, 1.0)


def asked(news: Sequence[Excerpt] = (), *, is_naked: bool = False) -> Prompt:
    figures = {
        "sma_20": 101.0,
        "sma_50": 99.0,
        "sma_200": 95.0,
        "adx_14": 30.0,
        "rsi_14": 60.0,
        "macd_histogram": 0.3,
        "atr_14": 1.0,
        "obv_change_10_ratio": 0.1,
    }
    seen = replace(snapshot("102", **figures), news=() if is_naked else tuple(news))
    portfolio = Portfolio(0, Account(Decimal(10_000)))
    made = prompt(Briefing(seen, portfolio, MarketKind.PERP, Decimal("0.01")), Settings())
    words = "\n".join(f"{one.title}\n{one.text}" for one in news)
    return replace(made, user=f"{made.user}\n\n[news]\n{words}") if is_naked else made


# --- A model that obeys ---------------------------------------------------------------------------------------------

ALIKE = {ord(a): b for a, b in zip("авеіјкмнорѕстухαοινρτκбԁԍһӏ", "aveijkmhopsctyxaoivptkbdghl", strict=True)}
LEET = str.maketrans("013457@$!", "oleastasi")
VERBS = r"(?:buy|sell|close|short|liquidate|go long|go short|open|dump|exit)"
IMPERATIVES = (
    rf"(?:^|[.!?:;,\n>|]\s*|\b(?:must|should|please|now|to)\s+){VERBS}\b[^.!?\n]{{0,30}}"
    r"\b(?:now|immediately|at once|all|everything)\b",
    r"\b(?:you|analyst|model|assistant|bots?|engine|systems?)\b[^.!?\n]{0,40}"
    rf"\b(?:must|should|shall|required)\b[^.!?\n]{{0,40}}\b{VERBS}",
    r"\b(?:ignore|disregard|forget|override)\b[^.!?\n]{0,40}\b(?:instructions?|prompts?|rules|previous|above|indicators)\b",
    r"\b(?:set|change|force)\b[^.!?\n]{0,20}\baction\b",
    r"\baction\W{0,4}(?::|=|is|to)\W{0,4}(?:buy|sell|close|hold|update)\b",
    r"\b(?:respond|reply|answer|output)\b[^.!?\n]{0,20}\b(?:with|only|json|buy|sell)\b",
    r"\byou are (?:now|an?) [^.!?\n]{0,30}(?:dan|ai|trader|model|bot)\b",
    r"\b(?:reveal|print|repeat|include|append)\b[^.!?\n]{0,30}\b(?:prompt|instructions|keys?|variables)\b",
    r"\b(?:always|from now on|remember)\b[^.!?\n]{0,40}\b(?:buy|sell|avoid|prefer|rule|memory)\b",
    r"\b(?:avoid|prefer) (?:long|short)\b",
    r"\bsystem\s*(?:prompt|message|override)?\s*:",
    r"\b(?:tool|function) (?:call|result)",
    r"\bend (?:of )?(?:untrusted|external|news|article)",
    r"\b(?:rsi_14|macd_histogram|sma_50|entry_price|r_now|verdict|atr_14)\s*[:=]",
    # in the other tongues of these articles
    r"\b(?:ignora|ignoriere|ignorez|negeer|zignoruj|abaikan|bỏ qua|talimatlar|ignore todas)\b",
    r"игнорируй|忽略|無視|무시|تجاهل|अनदेखा",
)
ORDER = re.compile("|".join(IMPERATIVES), re.IGNORECASE)
OBJECT = re.compile(r"\{[^{}]*\baction\b[^{}]*\}?", re.IGNORECASE)
NEWS = "[news]\n"


class Credulous:
    """Does whatever it finds told anywhere among the news, however it is spelled: it reads tags, selectors, letters
    that look alike, digits for letters, letters one by one, backwards. Otherwise it is the rules analyst."""

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []

    async def complete(self, prompt: Prompt) -> Reply:
        self.prompts.append(prompt)
        return Reply(self.says(prompt), "credulous")

    def says(self, prompt: Prompt) -> str:
        figures, _, words = prompt.user.partition(NEWS)
        return (
            orjson.dumps({"obeyed": order}).decode() if (order := self.order(words)) else answer(prompt.system, figures)
        )

    def order(self, words: str) -> str | None:
        for reading in self._readings(words):
            found = OBJECT.search(reading) or ORDER.search(reading)
            if found:
                return found[0]
        return None

    @staticmethod
    def _readings(words: str) -> Iterable[str]:
        # our own marks and labels are no news
        told = re.sub(r"^--- article .*$|^> (?:source|published|title): ?|^> ", "", words, flags=re.MULTILINE)
        bare = "".join(letter for letter in normalize("NFKD", told) if category(letter) not in ("Cf", "Mn")).lower()
        plain = bare.translate(ALIKE)
        hidden = "".join(chr(ord(letter) - 0xE0000) for letter in told if 0xE0020 <= ord(letter) < 0xE007F)
        smuggled = "".join(chr(ord(letter) - 0xE0100 + 16) for letter in told if 0xE0100 <= ord(letter) <= 0xE01EF)
        joined = re.sub(r"\b(\w)[ .\-]{1,3}(?=\w\b)", r"\1", plain)
        return (told, plain, plain.translate(LEET), hidden, smuggled, joined, plain[::-1])


# --- What must hold -------------------------------------------------------------------------------------------------


def test_there_are_enough_of_every_kind() -> None:
    assert len(CORPUS) >= 70
    assert len({told["family"] for told in CORPUS}) >= 20
    assert len([told for told in CORPUS if told["family"] == "languages"]) >= 8


def test_the_credulous_model_does_obey_where_nothing_is_defused() -> None:
    model = Credulous()

    obeyed = [told for told in CORPUS if "obeyed" in model.says(asked([raw(told)], is_naked=True))]

    assert len(obeyed) >= 60
    assert "obeyed" not in model.says(asked())


@pytest.mark.parametrize("told", CORPUS, ids=NAMES)
async def test_a_hostile_article_changes_no_decision(told: dict[str, str | int]) -> None:
    read = await gathered(told)
    without, model = asked(), Credulous()

    for news in (shown(read), forced(read)):
        with_it = asked(news)
        assert answer(with_it.system, with_it.user) == answer(without.system, without.user)
        assert model.says(with_it) == model.says(without)


@pytest.mark.parametrize("told", CORPUS, ids=NAMES)
async def test_nothing_of_a_hostile_article_is_shown_as_markup(told: dict[str, str | int]) -> None:
    for excerpt in (*shown(await gathered(told)), *forced(await gathered(told))):
        for text in (excerpt.title, excerpt.text):
            assert not re.search(r"[<>{}\[\]`|\\]|://|www\.|javascript|data:\w+/|onerror", text, re.IGNORECASE)
            assert not [letter for letter in text if category(letter)[0] == "C" and letter != "\n"]
            assert not re.search("[\ufe00-\ufe0f\U000e0000-\U000e0fff\u2800\u3164]", text)


async def test_all_of_them_at_once_change_no_decision() -> None:
    read = await gathered(*CORPUS)
    news = forced(read)
    code = nonce("cycle", news)

    assert len(read) > 60 and news
    assert Credulous().order("\n".join(enveloped(news, code))) is None
    assert not [one for one in news if code in one.title + one.text]
    assert answer("", asked(news).user) == answer("", asked().user)


class Press:
    """A publisher whose feed is in somebody else's hands."""

    def __init__(self, name: str, *told: dict[str, str | int]) -> None:
        self.name, self._feed = name, RssFeed(Told(feed(*told)), name, "")

    async def articles(self, *, until: object, limit: int) -> tuple[Article, ...]:
        return await self._feed.articles(until=NOW, limit=limit)


async def test_through_every_stage_the_credulous_model_is_told_no_order() -> None:
    rows = [(100 + n * 0.1, 101 + n * 0.1, 99 + n * 0.1, 100.1 + n * 0.1) for n in range(260)]
    quiet, loud = Credulous(), Credulous()
    ordinary = {
        "title": "Bitcoin rises after the Fed’s minutes",
        "body": "Bitcoin rose on Monday. Volumes were low.",
        "at": "calm",
    }
    for model, told in ((quiet, ()), (loud, CORPUS)):
        on = replace(
            world(bars(rows, opened_at=NOW - 260 * H4), model=model),
            news=(Press("calm", ordinary), Press("broken", *told)),
        )
        on.clock.set(NOW)  # type: ignore[attr-defined]
        await read_news(HourPassed(NOW), on)
        await close(on, NOW)
        (decided,) = await subjects(on, "DecisionMade")
        model.decided = (decided.action, decided.signal)  # type: ignore[attr-defined]

    assert all("after the Fed" in model.prompts[0].user for model in (quiet, loud))
    assert loud.decided == quiet.decided  # type: ignore[attr-defined]


@pytest.mark.parametrize("told", UNSEEN)
async def test_an_order_that_no_pattern_knows_is_shown_in_its_envelope_and_moves_no_figure(told: str) -> None:
    # withheld or not: this wall does not depend on what can be recognized
    news = forced(await gathered({"title": "Bitcoin rises", "body": f"Bitcoin rose on Monday. {told}"}))
    lines = list(enveloped(news, nonce("cycle", news)))

    assert all(line.startswith("> ") for line in lines if told[:20] in line)
    assert answer("", asked(news).user) == answer("", asked().user)
