"""The plug against OpenRouter's own manners: errors after a 200, blanks before the body, what an answer cost."""

import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from semanticsignal.adapters.openai_compatible import OpenAICompatible
from semanticsignal.domain.asking import Fault, Usage
from semanticsignal.domain.decision import Form, Prompt, Turn
from semanticsignal.domain.errors import ModelUnavailable
from semanticsignal.logic.decide.reply import schema as decision_schema
from semanticsignal.logic.review.reply import schema as review_schema
from tests.loopback import serve
from tests.models.openai_servers import Listed, OpenRouter

PROMPT = Prompt(id="p1", version="1", system="You trade.", user="price: 100")
SEEN = Prompt(id="p2", version="1", system="s", user="u", image=b"png", caption="A chart is attached.")
MODEL = "google/gemini-3-flash"


@asynccontextmanager
async def plugged(server: OpenRouter, model: str = MODEL, **options: Any) -> AsyncIterator[OpenAICompatible]:
    async with serve(server.api()) as url:
        key = options.pop("api_key", server.key)
        plug = OpenAICompatible(f"{url}/api/v1", model, key, 5, provider="openrouter", **options)
        try:
            yield plug
        finally:
            await plug.close()


async def failure(server: OpenRouter, prompt: Prompt = PROMPT, model: str = MODEL, **options: Any) -> ModelUnavailable:
    async with plugged(server, model, **options) as plug:
        with pytest.raises(ModelUnavailable) as caught:
            await plug.complete(prompt)
    assert len(server.asked) == 1, "the SDK asked again by itself"
    return caught.value


def error(code: Any, message: str = "Provider returned error", **metadata: Any) -> dict[str, Any]:
    return {"code": code, "message": message, "metadata": metadata}


async def test_an_answer_tells_who_gave_it_and_to_the_last_digit_what_it_cost() -> None:
    server = OpenRouter(says="HOLD" * 5, extra={"usage": {
        "prompt_tokens": 550, "completion_tokens": 47, "total_tokens": 597, "cost": 0.00183, "is_byok": False,
        "completion_tokens_details": {"reasoning_tokens": 42},
    }})  # fmt: skip

    async with plugged(server) as plug:
        reply = await plug.complete(PROMPT)

    assert (reply.text, reply.model) == ("HOLD" * 5, "google/gemini-3-flash-preview-09-2025")
    assert reply.usage == Usage(550, 47, 42, Decimal("0.00183"))
    assert (plug.provider, plug.model) == ("openrouter", MODEL)


async def test_blanks_that_keep_the_line_warm_are_no_part_of_the_answer() -> None:
    async with plugged(OpenRouter(blanks=12)) as plug:
        assert (await plug.complete(PROMPT)).text == "HOLD"


async def test_how_hard_to_think_is_told_each_time_and_what_was_thought_is_billed() -> None:
    server = OpenRouter(says="HOLD", thought=40)

    async with plugged(server, reasoning="high") as plug:
        replies = [await plug.complete(PROMPT) for _ in range(3)]
    async with plugged(server) as plug:
        await plug.complete(PROMPT)

    assert [asked.body.get("reasoning") for asked in server.asked] == [{"effort": "high"}] * 3 + [None]
    assert {(reply.usage.output_tokens, reply.usage.thinking_tokens) for reply in replies} == {(41, 40)}


async def test_no_parameter_is_sent_that_was_not_set() -> None:
    server = OpenRouter()

    async with plugged(server) as plug:
        await plug.complete(PROMPT)

    (asked,) = server.asked
    assert asked.headers["authorization"] == f"Bearer {server.key}"
    assert set(asked.body) == {"model", "messages", "temperature"}


async def test_temperature_and_length_are_sent_as_they_were_set() -> None:
    server = OpenRouter()

    async with plugged(server, temperature=None, max_output_tokens=900) as plug:
        await plug.complete(PROMPT)

    assert server.asked[0].body["max_tokens"] == 900
    assert "temperature" not in server.asked[0].body


async def test_who_sees_gets_the_picture_with_its_caption() -> None:
    server = OpenRouter()

    async with plugged(server, has_vision=True) as plug:
        await plug.complete(SEEN)

    assert server.asked[0].body["messages"][1]["content"] == [
        {"type": "text", "text": "u"},
        {"type": "text", "text": "A chart is attached."},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}},
    ]


async def test_who_cannot_see_is_not_told_of_a_picture() -> None:
    server = OpenRouter(models={MODEL: Listed(sees=False)})

    async with plugged(server) as plug:
        await plug.complete(SEEN)

    assert server.asked[0].body["messages"][1] == {"role": "user", "content": "u"}


async def test_a_picture_for_a_model_that_takes_none_is_a_request_refused() -> None:
    wrong = await failure(OpenRouter(models={MODEL: Listed(sees=False)}), SEEN, has_vision=True)

    assert wrong.fault is Fault.REQUEST
    assert "HTTP 404, No endpoints found that support image input" in str(wrong)


async def test_earlier_answers_and_what_was_said_to_them_follow_in_order() -> None:
    server = OpenRouter()
    turns = (Turn("BUY", "No stop."), Turn("BUY 1", "Still none."))

    async with plugged(server) as plug:
        await plug.complete(Prompt(id="p", version="1", system="s", user="u", turns=turns))

    assert [(said["role"], said["content"]) for said in server.asked[0].body["messages"]] == [
        ("system", "s"),
        ("user", "u"),
        ("assistant", "BUY"),
        ("user", "No stop."),
        ("assistant", "BUY 1"),
        ("user", "Still none."),
    ]


async def test_a_truncated_answer_is_paid_and_says_so() -> None:
    wrong = await failure(OpenRouter(says="x" * 400, thought=40), reasoning="high", max_output_tokens=50)

    assert wrong.fault is Fault.TRUNCATED
    assert wrong.usage.output_tokens == 50 and wrong.usage.thinking_tokens == 40
    assert wrong.usage.cost_usd is not None and wrong.usage.cost_usd > 0


async def test_through_a_key_of_ones_own_the_makers_bill_is_what_it_cost() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "cost": 0.00001, "is_byok": True}
    billed = usage | {"cost_details": {"upstream_inference_cost": 0.0003253}}

    async with plugged(OpenRouter(extra={"usage": billed})) as plug:
        told = await plug.complete(PROMPT)
    async with plugged(OpenRouter(extra={"usage": usage})) as plug:
        untold = await plug.complete(PROMPT)

    assert told.usage.cost_usd == Decimal("0.0003353")
    assert untold.usage.cost_usd is None


ERRORS = [
    (error(400, "provider does not like it"), Fault.REQUEST),
    (error(401, "No cookie auth credentials found"), Fault.AUTH),
    (error(402, "Insufficient credits. Add more"), Fault.QUOTA),
    (error(402, "Too many running", limit_source="openrouter_in_flight_budget"), Fault.RATE_LIMIT),
    (error(403, "Not enough permissions"), Fault.AUTH),
    (
        error(403, "it requires moderation on OpenInference. Your input was flagged", reasons=["violence"]),
        Fault.REFUSAL,
    ),
    (error(403, "Key limit exceeded (total limit)"), Fault.QUOTA),
    (error(403, "spent", limit_source="openrouter_workspace_budget", resets_at="2025-10-01"), Fault.QUOTA),
    (error(404, "No endpoints found for x"), Fault.REQUEST),
    (error(408, "Request timed out"), Fault.TIMEOUT),
    (error(413, "Request too large"), Fault.REQUEST),
    (error(429), Fault.RATE_LIMIT),
    (error(429, "Rate limit exceeded: free-models-per-min."), Fault.RATE_LIMIT),
    (error(429, "Rate limit exceeded: free-models-per-day. Add 10 credits"), Fault.QUOTA),
    (error(429, "Rate limit exceeded: free-models-per-day-high-balance."), Fault.QUOTA),
    (error(429, "no more", limit_source="openrouter_free_tier_daily"), Fault.QUOTA),
    (error(429, raw="x:free is temporarily rate-limited upstream: 50 per day", provider_name="G"), Fault.RATE_LIMIT),
    (error(500, "Internal Server Error"), Fault.OVERLOAD),
    (error(502, provider_name="Minimax"), Fault.OVERLOAD),
    (error(503, "No instances available"), Fault.OVERLOAD),
    (error(529), Fault.OVERLOAD),
    (error(400, "nope", error_type="content_policy_violation"), Fault.REFUSAL),
    (error(400, "too long", error_type="max_tokens_exceeded"), Fault.TRUNCATED),
    (error(500, "late", error_type="timeout"), Fault.TIMEOUT),
]


@pytest.mark.parametrize(("said", "fault"), ERRORS, ids=str)
async def test_an_error_is_the_same_fault_as_a_status_after_a_200_and_amid_the_words(
    said: dict[str, Any], fault: Fault
) -> None:
    server, wrong = OpenRouter(error=said, blanks=2), []

    async with plugged(server) as plug:
        for server.is_late, server.is_midway in ((False, False), (True, False), (False, True)):
            server.error = said | {"code": str(said["code"])} if server.is_midway else said
            with pytest.raises(ModelUnavailable) as caught:
                await plug.complete(PROMPT)
            wrong.append(caught.value)

    refused, late, midway = wrong
    assert [unavailable.fault for unavailable in wrong] == [fault] * 3 and len(server.asked) == 3
    assert f"HTTP {said['code']}, {said['message']}" in str(refused)
    assert f"error {said['code']}, {said['message']}" in str(late)
    assert midway.usage.cost_usd is not None and late.usage == Usage()
    assert refused.usage == (Usage(cost_usd=Decimal(0)) if said["code"] in (503, 529) else Usage()), "too busy to begin"


async def test_who_failed_behind_it_is_told_in_its_own_words() -> None:
    wrong = await failure(OpenRouter(error=error(429, raw="come back\n later", provider_name="Google")))

    assert str(wrong).endswith("rate limit, HTTP 429, Provider returned error, Google, come back later")


@pytest.mark.parametrize("code", [None, "model_melted", 200, 999, [1], {}])
async def test_an_error_amid_the_words_without_a_code_is_the_servers_trouble(code: Any) -> None:
    wrong = await failure(OpenRouter(error=error(code), is_midway=True))

    assert wrong.fault is Fault.OVERLOAD


async def test_a_choice_that_finished_by_error_and_does_not_say_which_is_the_servers_trouble() -> None:
    choice = {"finish_reason": "error", "native_finish_reason": "MALFORMED", "message": {"content": "HOLD"}}

    assert (await failure(OpenRouter(extra={"choices": [choice]}))).fault is Fault.OVERLOAD


# as OpenRouter and OpenAI write them down
NAMES = {
    "limit_source": {
        Fault.RATE_LIMIT: ("openrouter_in_flight_budget",),
        Fault.QUOTA: (
            "openrouter_credits", "openrouter_key_limit", "openrouter_guardrail_budget", "openrouter_workspace_budget",
            "openrouter_free_tier_daily",
        ),
    },
    "error_type": {
        Fault.REQUEST: ("context_length_exceeded", "invalid_request", "not_found", "image_too_large", "unmapped"),
        Fault.AUTH: ("authentication",),
        Fault.QUOTA: ("payment_required",),
        Fault.RATE_LIMIT: ("rate_limit_exceeded",),
        Fault.OVERLOAD: ("provider_overloaded", "provider_unavailable", "server"),
        Fault.REFUSAL: ("content_policy_violation", "refusal"),
        Fault.TRUNCATED: ("max_tokens_exceeded",),
        Fault.TIMEOUT: ("timeout",),
    },
    "code": {
        Fault.QUOTA: ("insufficient_quota",),
        Fault.AUTH: ("invalid_api_key",),
        Fault.RATE_LIMIT: ("rate_limit_exceeded",),
        Fault.REFUSAL: ("content_filter",),
    },
    "type": {Fault.QUOTA: ("insufficient_quota",), Fault.OVERLOAD: ("server_error", "overloaded_error")},
}  # fmt: skip


async def test_what_an_error_calls_itself_says_more_than_its_number() -> None:
    server, heard = OpenRouter(is_late=True), {}

    async with plugged(server) as plug:
        for place, faults in NAMES.items():
            for name in (name for names in faults.values() for name in names):
                within = {"metadata": {place: name}} if place in {"limit_source", "error_type"} else {place: name}
                server.error = {"code": 400, "message": "no"} | within
                with pytest.raises(ModelUnavailable) as caught:
                    await plug.complete(PROMPT)
                heard[place, name] = caught.value.fault

    assert heard == {
        (place, name): fault for place, faults in NAMES.items() for fault in faults for name in faults[fault]
    }


FINISHED = {
    Fault.REFUSAL: ("SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "refusal", "content_filter"),
    Fault.TRUNCATED: ("MAX_TOKENS", "max_tokens", "max_output_tokens", "length"),
}


async def test_the_makers_own_word_counts_where_openrouter_calls_it_stopped() -> None:
    server, heard = OpenRouter(), {}

    async with plugged(server) as plug:
        for native in (native for natives in FINISHED.values() for native in natives):
            choice = {"finish_reason": "stop", "native_finish_reason": native, "message": {"content": "HOLD"}}
            server.extra = {"choices": [choice]}
            with pytest.raises(ModelUnavailable) as caught:
                await plug.complete(PROMPT)
            assert caught.value.usage.input_tokens is not None
            heard[native] = caught.value.fault

    assert heard == {native: fault for fault, natives in FINISHED.items() for native in natives}


@pytest.mark.parametrize("is_within", [True, False])
async def test_the_instant_of_the_next_free_question_is_counted_from_the_servers_clock(is_within: bool) -> None:
    noon = datetime(2025, 9, 27, 12, tzinfo=UTC)
    reset = str(int(noon.timestamp() * 1000) + 43_200_500)
    limit = {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    said = error(429, "Rate limit exceeded: free-models-per-day", **({"headers": limit} if is_within else {}))
    clock = {"date": "Sat, 27 Sep 2025 12:00:00 GMT"}

    wrong = await failure(OpenRouter(error=said, headers=clock | ({} if is_within else limit)))

    assert (wrong.fault, wrong.wait_s) == (Fault.QUOTA, 43_200.5)


async def test_when_free_questions_begin_again_says_nothing_of_other_failures() -> None:
    limit = {"X-RateLimit-Reset": "1758974400000", "date": "Sat, 27 Sep 2025 11:00:00 GMT"}

    assert (await failure(OpenRouter(error=error(502), headers=limit))).wait_s is None


async def test_a_wrong_key_is_refused_and_stays_secret_though_the_server_says_it() -> None:
    secret = "sk-or-v1-feedfeedfeed"

    wrong = await failure(OpenRouter(), api_key=f" {secret}\n")

    assert wrong.fault is Fault.AUTH
    assert str(wrong).endswith("auth refused, HTTP 401, User not found for Bearer [key].")
    assert secret not in "".join(traceback.format_exception(wrong)) + repr(wrong.__context__)


@pytest.mark.parametrize("extra", [
    {"model": "it was SK-OR-V1-FEED"}, {"error": {"code": 502, "message": "x" * 190 + "sk-or-v1-feed"}},
    {"choices": [{"message": {"content": "", "refusal": "no, sk-or-v1-feed"}}]},
    {"choices": "Bearer sk-or-v1-feed"},
    {"choices": [{"finish_reason": "length", "native_finish_reason": "sk-or-v1-feed", "message": {"content": "a"}}]},
], ids=str)  # fmt: skip
async def test_a_key_that_comes_back_in_whatever_place_is_told_to_nobody(extra: dict[str, Any]) -> None:
    async with plugged(OpenRouter(key="sk-or-v1-feed", extra=extra)) as plug:
        try:
            said = (await plug.complete(PROMPT)).model
        except ModelUnavailable as wrong:
            said = "".join(traceback.format_exception(wrong))

    assert "sk-or-v1" not in said.lower()


@pytest.mark.parametrize(
    ("model", "words"), [("nobody/nothing", "HTTP 400, nobody/nothing is not"), ("old/one", "HTTP 404, No endpoints")]
)
async def test_a_model_that_is_not_there_is_a_request_refused(model: str, words: str) -> None:
    server = OpenRouter(models={"old/one": Listed(has_endpoint=False)})

    wrong = await failure(server, model=model)

    assert wrong.fault is Fault.REQUEST and words in str(wrong)


# --- A post-mortem is no decision ------------------------------------------------------------------------------------

REVIEW = Prompt(
    id="t#review", version="review_v1", system="You look back.", user="[closed trade]", form=Form.POST_MORTEM
)


async def test_each_question_goes_out_with_the_schema_of_its_own_answer() -> None:
    server = OpenRouter()

    async with plugged(server, form="schema") as plug:
        await plug.complete(REVIEW)
        await plug.complete(PROMPT)

    review, decision = (asked.body["response_format"]["json_schema"] for asked in server.asked)
    assert (review["name"], review["strict"], review["schema"]) == ("post_mortem", True, review_schema())
    assert (decision["name"], decision["schema"]) == ("decision", decision_schema())


async def test_who_is_told_no_schema_is_told_none_of_a_post_mortem_either() -> None:
    server = OpenRouter()

    async with plugged(server) as plug:
        await plug.complete(REVIEW)

    assert "response_format" not in server.asked[0].body
