"""The press → what of it a decision about a pair is shown."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from ...domain.market import Symbol
from ...domain.news import Article, Excerpt
from ...domain.policy import News
from ...domain.tokens import tokens
from .duplicates import stories
from .leads import lead
from .relevance import Relevance, relevance

# A story that moves the market, in its headline, stands above this; a coin's name deep in another's story below.
FLOOR = 0.2
# No single publisher tells what the world is like.
EACH_SOURCE = 2

Safe = Callable[[str], str | None]


def excerpts(
    articles: Iterable[Article], symbol: Symbol, at: datetime, settings: News, safe: Safe
) -> tuple[tuple[Excerpt, ...], int]:
    """The best stories about `symbol` known at `at`, best first, rather few than idle ones; and how many of those that
    would have been shown `safe` withheld. A story whose first teller is withheld is shown as the next one told it."""
    scored = _scored(articles, symbol, at, timedelta(hours=settings.keep_hours))
    told = stories(article for article, _ in scored.values())
    ranked = sorted(told, key=lambda tellers: (-scored[_key(tellers[0])][1].score, _key(tellers[0])))
    chosen: list[Excerpt] = []
    sources: Counter[str] = Counter()
    withheld = 0
    for tellers in ranked:
        for article in tellers:
            if len(chosen) >= settings.limit or sources[article.source] >= EACH_SOURCE:
                continue
            shown = _shown(article, scored[_key(article)][1], settings.tokens, safe)
            if shown is not None:
                chosen.append(shown)
                sources[article.source] += 1
                break
            withheld += 1
    return tuple(sorted(chosen, key=lambda one: (-one.score, one.id, one.source))), withheld


def _scored(
    articles: Iterable[Article], symbol: Symbol, at: datetime, keep: timedelta
) -> dict[tuple[str, str], tuple[Article, Relevance]]:
    """Those that are about the pair, of what was there at `at`."""
    found: dict[tuple[str, str], tuple[Article, Relevance]] = {}
    for article in sorted(articles, key=lambda one: (one.seen_at, one.published_at, one.title, one.body, one.url)):
        judged = relevance(article, symbol.base, at)
        if judged is not None and judged.about > FLOOR and at - article.published_at < keep:
            found.setdefault(_key(article), (article, judged))
    return found


def _key(article: Article) -> tuple[str, str]:
    return article.id, article.source


def _shown(article: Article, judged: Relevance, limit: int, safe: Safe) -> Excerpt | None:
    """None when its headline or its lead is withheld. Headline and lead together keep to the `limit`."""
    text = lead(article.title, article.body, limit - tokens(article.title))
    title, harmless = safe(article.title), safe(text) if text else ""
    if title is None or harmless is None:
        return None
    return Excerpt(
        article.id, article.source, title, harmless, article.url, article.published_at, article.seen_at, judged.score
    )
