"""The sentences of an article that hold its news: the first ones (the inverted pyramid), whole, without what every
article of its publisher says."""

import re
from collections.abc import Iterator

from sentencex import segment

from ...domain.tokens import tokens

# What a paragraph that tells nothing begins with.
EMPTY = re.compile(
    r"(?:follow us|read (?:more|also|next|the full)|also read|see also|related|disclaimer|"
    r"this article (?:was|is|does|has)|"
    r"the (?:post|article) |subscribe|sign up|join (?:us|our|the)|share this|advert|sponsored|image(?:s)?[: ]|photo|"
    r"featured image|source:|click here|get (?:the|your) |copyright|©|all rights|not financial advice|disclosure|"
    r"opinions expressed|the (?:views|opinions|information)|stay up|download our|price data by|tags?:|magazine:|"
    r"key takeaways|more from|by [A-Z][a-z]+ [A-Z][a-z]+$)",
    re.IGNORECASE,
)
# NEW YORK, June 20 (Reuters) –
DATELINE = re.compile(r"[A-Z][A-Z .,]{1,40}(?:, [A-Za-z0-9 ,.]{1,30})?(?:\([^()]{1,40}\) ?)?\s?[-–—]{1,2} (?=\S)")
# Where sentencex ends a sentence and English does not.
UNFINISHED = re.compile(r"\b(?:approx|Dr|Prof|Gen|Rep|Gov|Lt|No|est|a\.m|p\.m)\.$")
CUT_OFF = re.compile(r"(?:…|\.\.\.|\[…\]|\[\.\.\.\])$")
ENDED = re.compile(r"[.!?…。\uff01\uff1f][\"'”’)\]]{0,3}$")
CLAUSE = re.compile(r"[,;:] | [–—-] ")
FIGURE = re.compile(r"[$€£+−-]?\d[\d.,]*%?$")
LONGEST, HEADING = 4_000, 12


def lead(title: str, body: str, limit: int) -> str:
    """The first whole sentences of `body` of at most `limit` tokens. Only a first sentence that is too long is cut, at
    a clause, with an ellipsis."""
    chosen: list[str] = []
    for sentence in _telling(title, body):
        if tokens(" ".join((*chosen, sentence))) > limit:
            break
        chosen.append(sentence)
    if chosen:
        return " ".join(chosen)
    return _cut(next(_telling(title, body), ""), limit)


def sentences(text: str) -> tuple[str, ...]:
    """Of a paragraph, with their ends."""
    found: list[str] = []
    for part in map(str.strip, segment("en", text)):
        if found and part and (UNFINISHED.search(found[-1]) or part[0].islower()):
            # as it stands in the text, however they were parted
            start = text.index(found[-1])
            found[-1] = text[start : text.index(part, start + len(found[-1])) + len(part)]
        elif part:
            found.append(part)
    return tuple(found)


def _telling(title: str, body: str) -> Iterator[str]:
    """Every sentence that tells something; a heading, or what a feed cut off, only when there is nothing else."""
    spare, is_told = "", False
    for paragraph in map(str.strip, body.split("\n")):
        if _is_empty(paragraph, title):
            continue
        is_heading = len(paragraph[:LONGEST].split()) < HEADING and not ENDED.search(paragraph)
        for sentence in sentences(_undated(paragraph[:LONGEST])):
            if is_heading or CUT_OFF.search(sentence) or (len(paragraph) > LONGEST and not ENDED.search(sentence)):
                spare = spare or sentence
            else:
                is_told = True
                yield sentence
    if spare and not is_told:
        yield spare


def _is_empty(paragraph: str, title: str) -> bool:
    if not paragraph or EMPTY.match(paragraph) or paragraph.casefold().rstrip(". ") == title.casefold().rstrip(". "):
        return True
    words = paragraph[:LONGEST].split()
    figures = sum(bool(FIGURE.match(word)) for word in words)
    return figures >= 3 and sum(word.islower() for word in words) < figures


def _undated(paragraph: str) -> str:
    return paragraph[found.end() :] if (found := DATELINE.match(paragraph)) else paragraph


def _cut(sentence: str, limit: int) -> str:
    if limit < 2:
        return ""
    head = sentence
    while tokens(head) > limit - 1:
        head = head[: max(1, len(head) * (limit - 1) // tokens(head))] if len(head) > 1 else ""
    if head == sentence:
        return sentence
    clauses = [found.start() for found in CLAUSE.finditer(sentence[: len(head) + 3]) if found.start() <= len(head)]
    at = clauses[-1] if clauses and clauses[-1] > len(head) // 3 else head.rfind(" ")
    return (head[:at] if at > 0 else head).rstrip(" ,;:–—-") + "…"
