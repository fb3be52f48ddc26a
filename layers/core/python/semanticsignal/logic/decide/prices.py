"""What an answer may cost before it is asked for, and what it did cost where only its tokens are told."""

import tomllib
from decimal import Decimal
from functools import cache
from importlib.resources import files

from ...domain.asking import Usage
from ...domain.decision import Prompt
from ...domain.tokens import tokens

MILLION = Decimal(1_000_000)
FREE = (Decimal(0), Decimal(0))
# A picture of 1920×1080 is 258 tokens a tile to one model, 1,100 to another; none takes more.
IMAGE_TOKENS = 3_000
Price = tuple[Decimal, Decimal]


def price(model: str) -> Price | None:
    """Input and output, US dollars a million tokens; None where it is not known."""
    return _prices().get(model)


def openrouter_price(model: str) -> Price | None:
    """OpenRouter puts the maker before the name, and `:free` behind what costs nothing there."""
    return FREE if model.endswith(":free") else price(model.removeprefix("google/"))


def most_usd(prompt: Prompt, of: Price, max_output_tokens: int) -> Decimal:
    """Of one answer, when it uses all the room it has. Estimated tokens are doubled: no estimate is a promise."""
    words = prompt.system + prompt.user + prompt.caption + "".join(t.reply + t.complaint for t in prompt.turns)
    asked = 2 * tokens(words) + (IMAGE_TOKENS if prompt.image else 0)
    return (asked * of[0] + max_output_tokens * of[1]) / MILLION


def cost_usd(usage: Usage, of: Price) -> Decimal | None:
    """None where the tokens are not told."""
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    return (usage.input_tokens * of[0] + usage.output_tokens * of[1]) / MILLION


@cache
def _prices() -> dict[str, Price]:
    told = tomllib.loads((files(__package__) / "prices.toml").read_text(encoding="utf-8"))["models"]
    return {name: (Decimal(asked), Decimal(said)) for name, (asked, said) in told.items()}
