"""The plug against LM Studio's own manners: complaints that are bare strings, some of them after a 200."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from semanticsignal.adapters.openai_compatible import OpenAICompatible
from semanticsignal.domain.asking import Fault, Usage
from semanticsignal.domain.decision import Prompt
from semanticsignal.domain.errors import ModelUnavailable
from semanticsignal.logic.decide.reply import schema
from tests.loopback import serve
from tests.models.openai_servers import LmStudio

PROMPT = Prompt(id="p1", version="1", system="You trade.", user="price: 100")


@asynccontextmanager
async def plugged(server: LmStudio, path: str = "/v1", **options: Any) -> AsyncIterator[OpenAICompatible]:
    async with serve(server.api()) as url:
        plug = OpenAICompatible(f"{url}{path}", "whatever", timeout_s=5, **options)
        try:
            yield plug
        finally:
            await plug.close()


async def failure(
    server: LmStudio, fault: Fault, path: str = "/v1", prompt: Prompt = PROMPT, **options: Any
) -> ModelUnavailable:
    async with plugged(server, path, **options) as plug:
        with pytest.raises(ModelUnavailable) as caught:
            await plug.complete(prompt)
    assert caught.value.fault is fault
    return caught.value


async def test_the_model_that_is_loaded_answers_whatever_name_was_asked_for() -> None:
    async with plugged(LmStudio(loaded="qwen3-8b", says="BUY it")) as plug:
        reply = await plug.complete(PROMPT)

    assert (reply.text, reply.model) == ("BUY it", "qwen3-8b")
    assert (reply.usage.output_tokens, reply.usage.thinking_tokens, reply.usage.cost_usd) == (2, None, None)
    assert (plug.provider, plug.model) == ("local", "whatever")


async def test_what_a_local_model_thought_aloud_is_left_to_whoever_reads_the_reply() -> None:
    words = "<think>\nIs it up?\n</think>\n\nHOLD"

    async with plugged(LmStudio(says=words)) as plug:
        assert (await plug.complete(PROMPT)).text == words


@pytest.mark.parametrize("path", ["", "/v2"])
async def test_a_wrong_path_is_a_request_refused_though_the_status_is_200(path: str) -> None:
    wrong = await failure(LmStudio(), Fault.REQUEST, path)

    assert f"Unexpected endpoint or method. (POST {path}/chat/completions)" in str(wrong)


async def test_without_a_model_loaded_the_request_is_refused() -> None:
    assert "HTTP 404, No models loaded" in str(await failure(LmStudio(loaded=None), Fault.REQUEST))


async def test_a_prompt_longer_than_the_context_is_a_request_refused() -> None:
    wrong = await failure(LmStudio(context_tokens=5), Fault.REQUEST)

    assert "HTTP 400, Trying to keep the first" in str(wrong) and wrong.usage == Usage()


async def test_a_context_that_overflows_in_silence_is_an_empty_answer() -> None:
    wrong = await failure(LmStudio(context_tokens=5, is_silent_on_overflow=True), Fault.EMPTY)

    assert wrong.usage.output_tokens == 0 and wrong.usage.input_tokens


async def test_an_engine_that_died_is_the_servers_trouble_and_no_fault_of_the_question() -> None:
    assert "HTTP 400, The model has crashed" in str(await failure(LmStudio(has_crashed=True), Fault.OVERLOAD))


async def test_the_schema_of_replies_goes_along_each_time() -> None:
    server = LmStudio()

    async with plugged(server, form="schema") as plug:
        for _ in range(2):
            await plug.complete(PROMPT)

    for asked in server.asked:
        form = asked.body["response_format"]
        assert form["type"] == "json_schema" and form["json_schema"]["strict"] is True
        assert form["json_schema"]["schema"] == schema() and form["json_schema"]["name"]


async def test_how_hard_to_think_is_told_in_openais_own_word() -> None:
    server = LmStudio()

    async with plugged(server, reasoning="low") as plug:
        await plug.complete(PROMPT)

    assert server.asked[0].body["reasoning_effort"] == "low" and "reasoning" not in server.asked[0].body
