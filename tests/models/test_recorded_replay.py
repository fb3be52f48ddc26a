"""A run with whatever a server answers, then offline from its recording: the same ledger, byte for byte."""

import itertools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from semanticsignal import wiring
from semanticsignal.domain.asking import Fault
from semanticsignal.domain.decision import Prompt
from semanticsignal.domain.policy import Model, OpenRouter, Settings
from semanticsignal.drivers.replay import OnTape, ReplayBroken
from semanticsignal.ports import Sockets
from tests.loopback import serve
from tests.world import H4, MONDAY, bars, live, path, says, settings, subjects, world, written

CLOSES = [100 * 1.01 ** (n % 20 if n // 20 % 2 == 0 else 20 - n % 20) for n in range(60)]


class Moody:
    """Answers otherwise each time: decides, babbles, fails, contradicts the price, is busy, is cut off."""

    def __init__(self) -> None:
        self.moods = itertools.cycle([
            self._buys, self._holds, self._babbles, self._holds, self._breaks, self._closes, self._contradicts,
            self._is_busy, self._buys, self._shows_a_page, self._is_cut, self._closes, self._refuses,
        ])  # fmt: skip
        self.api = FastAPI()
        self.api.add_api_route("/v1/chat/completions", self._answer, methods=["POST"], response_model=None)

    async def _answer(self, request: Request) -> Response:
        words = (await request.json())["messages"][1]["content"]
        if isinstance(words, list):  # with a picture
            words = "".join(part.get("text", "") for part in words)
        asked = re.search(r"^price: ([\d.]+)", words, re.MULTILINE)
        return next(self.moods)(float(asked[1])) if asked else self._looks_back()

    def _looks_back(self) -> Response:
        return self._said(json.dumps(dict.fromkeys(("expected", "actual", "verdict", "lesson"), "who knows")))

    @staticmethod
    def _said(text: str, finish: str = "stop") -> Response:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        usage = {"prompt_tokens": 1234, "completion_tokens": 56, "total_tokens": 1290, "cost": 0.0001}
        choice = {"index": 0, "message": message, "finish_reason": finish}
        said = {"id": "c", "object": "chat.completion", "created": 0, "model": "moody"}
        return JSONResponse(said | {"choices": [choice], "usage": usage})

    def _buys(self, price: float) -> Response:
        return self._said(says("BUY", price * 0.97, price * 1.06, figures=[{"name": "rsi_14", "value": 1.5}]))

    def _contradicts(self, price: float) -> Response:
        return self._said(says("BUY", price * 1.03, price * 1.06))

    def _holds(self, price: float) -> Response:
        return self._said("Let me think.\n```json\n" + says("HOLD", p_up=0.6, p_up_24h=0.4) + "\n```")

    def _closes(self, price: float) -> Response:
        return self._said(says("CLOSE"))

    def _babbles(self, price: float) -> Response:
        return self._said("I could not possibly say.")

    def _breaks(self, price: float) -> Response:
        return JSONResponse({"error": {"message": "oops", "type": "server_error"}}, 500)

    def _is_busy(self, price: float) -> Response:
        return JSONResponse({"error": {"message": "slow down"}}, 429, {"retry-after": "0"})

    def _shows_a_page(self, price: float) -> Response:
        return PlainTextResponse("<html>Bad gateway</html>", 502, media_type="text/html")

    def _is_cut(self, price: float) -> Response:
        return self._said(json.dumps({"action": "BUY"})[:12], "length")

    def _refuses(self, price: float) -> Response:
        return self._said("", "content_filter")


def on_tape(model: Any, provider: str, bars_lived: int) -> Sockets:
    closes = CLOSES[:bars_lived]
    return world(
        bars(path(closes, wick=0.6)),
        model=model,
        risk__stale_ratio=100,
        risk__cooldown_bars=0,
        model__provider=provider,
    )


def asked(url: str, provider: str) -> Settings:
    mind = Model(provider=provider, base_url=f"{url}/v1", name="first,second", timeout_s=5, deadline_s=20)  # type: ignore[arg-type]
    return replace(settings(), model=mind, openrouter=OpenRouter(base_url=f"{url}/v1", model="first"))


@pytest.mark.parametrize(("provider", "bars_lived"), [("local", 60), ("openrouter", 20)], ids=["words", "and charts"])
async def test_the_same_decisions_come_from_the_recording_byte_for_byte(
    tmp_path: Path, provider: str, bars_lived: int
) -> None:
    end = MONDAY + (bars_lived - 1) * H4
    async with serve(Moody().api) as url:
        mind = wiring.model(asked(url, provider), tmp_path, lambda name: "a key")
        lived = on_tape(mind, provider, bars_lived)
        await live(lived, MONDAY + H4, end)
        await mind.close()

    replayed = on_tape(OnTape(wiring.recorded(tmp_path)), provider, bars_lived)
    await live(replayed, MONDAY + H4, end)

    assert await written(replayed) == await written(lived)
    decisions = await subjects(lived, "DecisionMade")
    attempts = [one for decision in decisions for one in decision.attempts]
    faults = {one.fault for one in attempts}
    assert faults >= {None, Fault.SCHEMA, Fault.OVERLOAD, Fault.RATE_LIMIT}
    assert {one.provider for one in attempts} == {provider}
    assert any(one.served == "moody" for one in attempts)
    assert any(decision.mismatches for decision in decisions)
    assert len(await subjects(lived, "PositionClosed")) >= (3 if provider == "local" else 1)
    prompt = await lived.archive.get(f"prompt/{decisions[-1].id}", Prompt)
    assert prompt.image is None and (prompt.caption != "") == (provider == "openrouter"), "the picture is kept once"


async def test_a_recording_of_who_could_see_is_not_replayed_blind_and_nothing_is_made_up(tmp_path: Path) -> None:
    async with serve(Moody().api) as url:
        mind = wiring.model(asked(url, "openrouter"), tmp_path, lambda name: "a key")
        await live(on_tape(mind, "openrouter", 3), MONDAY + H4, MONDAY + 2 * H4)
        await mind.close()

    blind = on_tape(OnTape(wiring.recorded(tmp_path)), "analyst", 3)

    with pytest.raises(ReplayBroken, match=r"the tape has no such prompt.*model\.has_chart"):
        await live(blind, MONDAY + H4, MONDAY + 2 * H4)
