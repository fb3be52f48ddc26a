"""A run with whatever a server answers, then offline from its recording: the same ledger, byte for byte."""

import itertools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from semanticsignal import wiring
from semanticsignal.domain.asking import Fault
from semanticsignal.domain.policy import Model
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
        price = float(re.search(r"^price: ([\d.]+)", words, re.MULTILINE)[1])  # type: ignore[index]
        return next(self.moods)(price)

    @staticmethod
    def _said(text: str, finish: str = "stop") -> Response:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        usage = {"prompt_tokens": 1234, "completion_tokens": 56, "total_tokens": 1290}
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


def on_tape(model: Any) -> Sockets:
    return replace(world(bars(path(CLOSES, wick=0.6)), model=model, risk__stale_ratio=100, risk__cooldown_bars=0))


async def test_the_same_decisions_come_from_the_recording_byte_for_byte(tmp_path: Path) -> None:
    async with serve(Moody().api) as url:
        asked = Model(provider="local", base_url=f"{url}/v1", name="first,second", timeout_s=5, deadline_s=20)
        mind = wiring.model(replace(settings(), model=asked), tmp_path)
        lived = on_tape(mind)
        await live(lived, MONDAY + H4, MONDAY + 59 * H4)
        await mind.close()

    replayed = on_tape(wiring.recorded(tmp_path))
    await live(replayed, MONDAY + H4, MONDAY + 59 * H4)

    assert await written(replayed) == await written(lived)
    decisions = await subjects(lived, "DecisionMade")
    attempts = [one for decision in decisions for one in decision.attempts]
    faults = {one.fault for one in attempts}
    assert faults >= {None, Fault.SCHEMA, Fault.OVERLOAD, Fault.RATE_LIMIT, Fault.TRUNCATED, Fault.REFUSAL}
    assert {one.provider for one in attempts} == {"local"}
    assert {one.model for one in attempts} >= {"moody"}
    assert any(decision.mismatches for decision in decisions)
    assert len(await subjects(lived, "PositionClosed")) >= 3
