"""A server that says back the key that it was shown, in all the ways that JSON has to spell it."""

import json
import tracemalloc

import pytest

from semanticsignal.logic.decide.masked import Masked

KEY = "sk-or/Planted-0123456789"
MASKED = Masked(KEY)


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


SPELLED = {
    "as it is": KEY,
    "in capitals": KEY.upper(),
    "in lines": f"{KEY[:9]}\n\t{KEY[9:]}",
    "in lines of a text in quotes": f"{KEY[:9]}\\n\\\\r{KEY[9:]}",
    "by its codes": escaped(KEY),
    "partly by its codes": KEY[:3] + escaped(KEY[3:9].upper()) + KEY[9:],
    "by codes in capitals": escaped(KEY).replace("f", "F"),
    "by codes of codes": escaped(KEY).replace("\\", "\\\\"),
    "with a slash as some write it": KEY.replace("/", "\\/"),
}


@pytest.mark.parametrize("spelled", SPELLED.values(), ids=SPELLED.keys())
def test_no_spelling_of_a_key_passes(spelled: str) -> None:
    assert MASKED(f"no {spelled} here") == "no [key] here"
    assert MASKED.raw(f"€ {spelled}".encode()) == "€ [key]".encode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_nor_does_one_that_is_read_out_of_json(encoding: str) -> None:
    content = f'{{"{escaped(KEY)}": [1.5, null, "{escaped(KEY)}"]}}'.encode(encoding)

    assert MASKED.body(json.loads(content)) == {"[key]": [1.5, None, "[key]"]}


def test_what_is_nested_too_deep_to_be_looked_through_is_not_passed_on() -> None:
    deep: list[object] = [KEY]
    for _ in range(5_000):
        deep = [deep]

    assert MASKED.body(deep) is None


def test_without_a_key_nothing_is_masked() -> None:
    assert Masked("")("key") == "key"


def test_an_answer_of_blanks_takes_no_more_memory_than_a_few_copies_of_it() -> None:
    content = b"s" + b" " * 1_000_000
    tracemalloc.start()
    MASKED.raw(content)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert most < 10 * len(content)
