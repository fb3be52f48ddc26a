"""ccxt's own classes, made as the plug makes them, with every address moved to loopback."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from typing import Any
from urllib.parse import urlsplit

# whose class knows the perpetuals, where it is another one than that of the spot pairs
PERPETUALS = {"kraken": "krakenfutures", "kucoin": "kucoinfutures"}
NARROW: Mapping[tuple[str, bool], Mapping[str, Any]] = {
    ("binance", False): {"types": ["spot"]},
    ("binance", True): {"types": ["linear"]},
    ("kucoin", False): {"types": ["spot"]},
    ("gate", False): {"types": ["spot"]},
    ("gate", True): {"types": ["swap"]},
    ("hyperliquid", False): {"types": ["spot"]},
    ("hyperliquid", True): {"types": ["swap"]},
    ("okx", False): {"types": ["spot"]},
    ("okx", True): {"types": ["swap"]},
}


@asynccontextmanager
async def plugged(name: str, url: str, *, perpetuals: bool = False, timeout_ms: int = 10_000) -> AsyncIterator[Any]:
    of_venue = _loaded(PERPETUALS.get(name, name) if perpetuals else name)
    kind = "swap" if perpetuals else "spot"
    venue = of_venue({"enableRateLimit": False, "timeout": timeout_ms, "options": {"defaultType": kind}})
    if narrow := NARROW.get((name, perpetuals)):
        venue.options["fetchMarkets"] = {**venue.options.get("fetchMarkets", {}), **narrow}
    venue.has["fetchCurrencies"] = False
    venue.urls["api"] = _moved(venue.urls["api"], url)
    venue.timeout_on_exit = 0
    try:
        yield venue
    finally:
        await venue.close()


def _loaded(name: str) -> Any:
    """The class of one venue: running ccxt's own __init__ would import a hundred."""
    for package in ("ccxt", "ccxt.async_support"):
        if package not in sys.modules and (spec := find_spec(package)):
            sys.modules[package] = module_from_spec(spec)
    errors = import_module("ccxt.base.errors")
    vars(sys.modules["ccxt"]).update({error: getattr(errors, error) for error in errors.__all__})
    vars(sys.modules["ccxt"])["Exchange"] = import_module("ccxt.base.exchange").Exchange
    return getattr(import_module(f"ccxt.async_support.{name}"), name)


def _moved(urls: Any, url: str) -> Any:
    if isinstance(urls, dict):
        return {name: _moved(inner, url) for name, inner in urls.items()}
    return url + urlsplit(urls).path
