"""Whose `:free` is believed."""

from decimal import Decimal

from semanticsignal.logic.decide.prices import FREE, openrouter_price, price

FLASH = "gemini-3-flash-preview"


def test_free_behind_a_name_is_a_price_at_openrouter_alone() -> None:
    assert openrouter_price("deepseek/deepseek-r1:free") == FREE == (0, 0)
    assert price("deepseek/deepseek-r1:free") is None
    assert price(f"{FLASH}:free") is None


def test_the_maker_before_a_name_is_openrouters_too() -> None:
    known = price(FLASH)

    assert known is not None and all(isinstance(usd, Decimal) and usd > 0 for usd in known)
    assert openrouter_price(f"google/{FLASH}") == known
    assert price(f"google/{FLASH}") is None
    assert openrouter_price("nobody/knows") is None
