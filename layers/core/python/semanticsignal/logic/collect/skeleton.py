"""What a text says to whoever looks at the shapes of its letters: the same words, however they are disguised."""

import codecs
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from unicodedata import category, name, normalize

MARKS = 2
# Seen by nobody, and yet no control characters: selectors, fillers, joiners, a blank of Braille.
UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")
NAMED = re.compile(r"(?:LATIN|MODIFIER|REGIONAL|SQUARED|CIRCLED|NEGATIVE|TORTOISE).* (?:LETTER|SYMBOL LETTER|CAPITAL)"
                   r"(?: SMALL| CAPITAL| OPEN| TURNED| REVERSED| DOTLESS)* ([A-Z])(?: |$)")  # fmt: skip
LEET = str.maketrans("01345789@$!|+€", "oleastbgasiite")
DIGITS = re.compile(r"(?<![\w$€£])[$€£]?\d[\d,.]*(?:[kmbx%]|bn|st|nd|rd|th)?(?!\w)", re.IGNORECASE)
APOSTROPHES = re.compile("['’\u2018`\u00b4\u02bc]")
CLAUSE, QUESTION, FIELD = re.compile(r"[.!;,\n()\[\]{}<>\"“”„«»|*#~—–/\\]+"), re.compile(r"\?+"), re.compile("[:=]+")
OTHER = re.compile(r"[^a-z0-9_|?: ]+")
DISGUISED = re.compile(r"[a-z][0134578@$!|+]|[0134578@$!|+][a-z]")
SPACED = re.compile(r"(?<!\w)(?:[a-z][ .|_-]{1,3}){5,}[a-z](?!\w)")


def visible(text: str) -> str:
    """In its plainest form, without what nobody sees; no letter wears more than two marks."""
    seen: list[str] = []
    marks = 0
    for letter in UNSEEN.sub("", normalize("NFKC", text)):
        kind = category(letter)
        marks = marks + 1 if kind[0] == "M" else 0
        if letter.isspace():
            seen.append("\n" if letter in "\n\r\u2028\u2029\x0b\x0c\x85" else " ")
        elif kind[0] != "C" and marks <= MARKS:
            seen.append(letter)
    # composed anew: a mark that was left out, or something unseen between, may have kept two apart
    return normalize("NFKC", "".join(seen))


def readings(text: str) -> Iterator[str]:
    """As words and clauses: `|` and `?` end one, `:` names one. As it stands, then with digits and signs for letters,
    both ways."""
    lower = "".join(map(latin, visible(text))).lower()
    yield _clauses(lower)
    without = DIGITS.sub(" ", lower)
    if DISGUISED.search(without):
        yield _clauses(without.translate(LEET))
        yield _clauses(without.translate({**LEET, ord("1"): "i"}))


def turned(reading: str) -> Iterator[str]:
    """Its letters alone, so that words torn apart are whole: as they stand, backwards, and each by thirteen on."""
    letters = re.sub("[^a-z]", "", reading)
    yield letters
    yield letters[::-1]
    yield codecs.encode(letters, "rot13")


def is_spaced(reading: str) -> bool:
    """Whether letters stand one by one, as nobody writes who wants to be read by people."""
    return SPACED.search(reading) is not None


@cache
def latin(letter: str) -> str:
    """The Latin letter that it looks like; itself where it is none in disguise, and blank what is another script's."""
    if letter.isascii():
        return letter
    bare = normalize("NFD", letter)[0]
    if bare.isascii() or bare in confusables():
        return confusables().get(bare, bare)
    found = NAMED.match(name(letter, ""))
    return found[1].lower() if found else letter if not letter.isalnum() else " "


@cache
def confusables() -> dict[str, str]:
    table = tomllib.loads(files(__package__).joinpath("confusables.toml").read_text(encoding="utf-8"))
    return {letter: shape for shape, letters in table.items() for letter in letters}


def _clauses(text: str) -> str:
    marked = QUESTION.sub(" ? ", CLAUSE.sub(" | ", APOSTROPHES.sub("", text)))
    return " ".join(f"| {OTHER.sub(' ', FIELD.sub(' : ', marked))} |".split())
