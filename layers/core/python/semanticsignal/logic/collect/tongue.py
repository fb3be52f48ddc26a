"""Whether a text is English: by its alphabet, and by the small words that no language does without."""

import re
import tomllib
from functools import cache
from importlib.resources import files
from unicodedata import name

# From so many words on, English shows by its own small words.
ENOUGH, ENGLISH_SHARE = 25, 0.15
SENTENCE = re.compile(r"(?<=[.!?…;:])\s+|\n")
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
SIGNS = frozenset("ΞΔΩμλπσφψβγδθΣ")


def is_english(text: str) -> bool:
    """Every sentence of it, as far as can be told: names and numbers alone are."""
    return _is_latin(text) and all(map(_is_ours, SENTENCE.split(text))) and _is_ours(text)


def is_mixed(text: str) -> bool:
    """Whether a word is spelled with letters of two alphabets: a disguise."""
    return any(_alphabets(word) for word in WORD.findall(text) if not word.isascii())


def _alphabets(word: str) -> bool:
    scripts = {script(letter) for letter in word if letter not in SIGNS}
    return "LATIN" in scripts and len(scripts - {""}) > 1


@cache
def script(letter: str) -> str:
    """Empty for what belongs to none."""
    return name(letter, "").partition(" ")[0] if letter.isalpha() else ""


def _is_latin(text: str) -> bool:
    """Signs and the apostrophes of some names aside."""
    return all(script(letter) in ("", "LATIN", "MODIFIER") for letter in set(text) - SIGNS)


def _is_ours(text: str) -> bool:
    """Two small words of one other language, and more of them than of English, make it that language."""
    words = [word.casefold().replace("’", "'") for word in WORD.findall(text) if len(word) > 1]
    tongues = small_words()
    english = sum(word in tongues["en"] for word in words)
    if len(words) >= ENOUGH and english < ENGLISH_SHARE * len(words):
        return False
    most = max(sum(word in small for word in words) for tongue, small in tongues.items() if tongue != "en")
    accents = sum(not word.isascii() for word in words)
    return not ((most >= 2 and most > english) or (most + accents >= 4 and english == 0))


@cache
def small_words() -> dict[str, frozenset[str]]:
    """Language → its small words; of the others, none that is English too."""
    table = tomllib.loads(files(__package__).joinpath("tongues.toml").read_text(encoding="utf-8"))
    english = frozenset(table["en"].split())
    return {tongue: english if tongue == "en" else frozenset(told.split()) - english for tongue, told in table.items()}
