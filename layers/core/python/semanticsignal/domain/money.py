"""Arithmetic of money: wide enough that no sum, difference or product of real prices is ever rounded."""

from collections.abc import Callable
from decimal import Context, localcontext
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# Python's default of 28 digits rounds a billion in a coin of a thousandth of a cent.
WIDE = Context(prec=120)


def exactly(work: Callable[P, T]) -> Callable[P, T]:
    """Runs in the wide context, whatever the caller's is."""

    @wraps(work)
    def widely(*args: P.args, **kwargs: P.kwargs) -> T:
        with localcontext(WIDE):
            return work(*args, **kwargs)

    return widely
