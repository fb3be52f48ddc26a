"""Words of others: as text that can be written, and as a prompt holds them: between marks that their author could not
know, each line after a sign."""

from collections.abc import Iterable, Iterator
from hashlib import sha256

CODE = 16
PREFIX = "> "


def code(id: str, words: Iterable[str]) -> str:
    """Of the prompt and of all words of others in it, each with its length: whoever writes one cannot know it, for his
    own words change it too."""
    seal = sha256()
    for part in (id, *words):
        content = part.encode("utf-8", "surrogatepass")
        seal.update(len(content).to_bytes(8, "big") + content)
    return seal.hexdigest()[:CODE]


def writable(text: str) -> str:
    """Half a character, which JSON can carry and no encoder can write, becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def line(words: str, most: int) -> str:
    """On one line, so that it begins none where figures stand, and of at most so many characters."""
    return "".join(filter(str.isprintable, " ".join(words.split())))[:most]


def marked(what: str, lines: Iterable[str], code: str) -> Iterator[str]:
    """No line of theirs begins where figures stand."""
    yield f"--- {what} begins {code} ---"
    yield from (PREFIX + line for line in lines)
    yield f"--- {what} ends {code} ---"
