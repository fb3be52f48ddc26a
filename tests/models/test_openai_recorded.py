"""What OpenAI, OpenRouter, Groq and DeepSeek truly answered, each body played back through the SDK."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from semanticsignal.adapters.openai_compatible import OpenAICompatible
from semanticsignal.domain.asking import Fault
from semanticsignal.domain.decision import Prompt, Reply
from semanticsignal.domain.errors import ModelUnavailable
from tests.models.openai_servers import http, wire

PROMPT = Prompt(id="p1", version="1", system="You trade.", user="price: 100")
MAKERS = ("openai", "openrouter", "groq", "deepseek")
# Google counts thoughts in total_tokens alone: 109 − 35 and 100 − 66 were billed as output
THOUGHT_APART = {
    "test_compatible_api_with_tool_calls_without_id#0": 74,
    "test_compatible_api_with_tool_calls_without_id#1": 34,
}
# through a key of one's own: OpenRouter took nothing, Google 0.0003253
OWN_KEY = {"test_openrouter_google_nested_schema#0": "0.0003253"}


def recordings(folder: Path) -> list[dict[str, Any]]:
    """Whole answers of chat completions, the errors among them."""
    with gzip.open(folder / "llm_api/recorded_cassettes.jsonl.gz", "rt") as lines:
        told = [json.loads(line) for line in lines]
    told += json.loads((folder / "llm_api/recorded_errors.json").read_text())
    by_name = {one["id"]: one for one in told}
    return [
        one
        for one in by_name.values()
        if one["provider"] in MAKERS and one["uri"].endswith("/chat/completions") and not one["stream"]
    ]


async def played(recorded: dict[str, Any]) -> Reply | ModelUnavailable:
    content = http(json.dumps(recorded["body"]).encode(), status=recorded["status"])
    async with wire(lambda: content) as url:
        plug = OpenAICompatible(url, recorded["model"])
        try:
            return await plug.complete(PROMPT)
        except ModelUnavailable as wrong:
            return wrong
        finally:
            await plug.close()


@pytest.fixture
def recorded(recorded_data: Path) -> list[dict[str, Any]]:
    return recordings(recorded_data)


async def test_words_come_back_as_they_were_recorded_with_what_they_took(recorded: list[dict[str, Any]]) -> None:
    spoken = [one for one in recorded if one["status"] == 200 and one["body"]["choices"][0]["message"].get("content")]
    assert {one["provider"] for one in spoken} == set(MAKERS) and len(spoken) >= 40

    for one in spoken:
        name, body = one["id"], one["body"]
        reply = await played(one)
        assert isinstance(reply, Reply), (name, reply)
        usage, told = reply.usage, body["usage"]
        assert (reply.text, reply.model) == (body["choices"][0]["message"]["content"], body["model"]), name
        assert usage.input_tokens == told["prompt_tokens"], name
        assert usage.output_tokens == THOUGHT_APART.get(name, told["completion_tokens"]), name
        assert usage.thinking_tokens == (told.get("completion_tokens_details") or {}).get("reasoning_tokens"), name
        cost = OWN_KEY.get(name, told.get("cost"))
        assert (None if usage.cost_usd is None else float(usage.cost_usd)) == (None if cost is None else float(cost))


async def test_an_answer_that_only_called_a_tool_is_without_words_and_paid(recorded: list[dict[str, Any]]) -> None:
    mute = [one for one in recorded if one["status"] == 200 and not one["body"]["choices"][0]["message"].get("content")]
    assert len(mute) >= 10

    for one in mute:
        wrong, told = await played(one), one["body"]["usage"]
        assert isinstance(wrong, ModelUnavailable) and wrong.fault is Fault.EMPTY, one["id"]
        assert wrong.usage.output_tokens == THOUGHT_APART.get(one["id"], told["completion_tokens"]), one["id"]


async def test_recorded_errors_are_what_their_status_says(recorded: list[dict[str, Any]]) -> None:
    faults = {400: Fault.REQUEST, 429: Fault.RATE_LIMIT}
    refused = [one for one in recorded if one["status"] != 200]
    assert {one["status"] for one in refused} == set(faults)

    for one in refused:
        wrong = await played(one)
        assert isinstance(wrong, ModelUnavailable) and wrong.fault is faults[one["status"]], one["id"]
        assert f"HTTP {one['status']}, {one['body']['error']['message'][:40]}" in str(wrong)
