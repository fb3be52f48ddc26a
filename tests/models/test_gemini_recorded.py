"""What Google answered other people, word for word: each body gives its true text or the right fault, nothing else."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from google import genai
from google.genai.types import HttpOptions

from semanticsignal.domain.asking import Fault, Usage
from semanticsignal.domain.decision import Prompt
from semanticsignal.domain.errors import ModelUnavailable
from tests.models.gemini_server import KEY, MODEL, GeminiServer, Played, playing

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROMPT = Prompt(id="p1", version="1", system="You trade.", user="price: 100")
NOTHING = Usage()


@dataclass(frozen=True)
class Told:
    """How a text begins and how it ends, read by eye."""

    begins: str
    ends: str


# Each body read by eye. Of a stream: what the same answer is when it comes as a whole.
EXPECTED: dict[str, tuple[str | Told | Fault, Usage]] = {
    "googleai/streaming-failure-prompt-blocked-safety.txt": (Fault.REFUSAL, NOTHING),
    "googleai/streaming-failure-recitation-no-content.txt": (Fault.REFUSAL, Usage(9, 261)),
    "googleai/streaming-success-basic-reply-short.txt": ("The capital of Wyoming is **Cheyenne**.\n", Usage(7, 10)),
    "googleai/streaming-success-citations.txt": (
        Told("Okay, let's break down quantum mechanics.\n\n**What is Quantum", "Good luck on your learning journey!\n"),
        Usage(15, 1381),
    ),
    "googleai/streaming-success-code-execution.txt": (
        "To find the sum of the first 5 prime numbers, we first need to identify them. The first five prime numbers "
        "are 2, 3, 5, 7, and 11.\n\nNow, let's calculate their sum using a Python tool:\n\n"
        "The sum of the first 5 prime numbers is 28.",
        Usage(264, 221, 95),
    ),
    "googleai/streaming-success-empty-parts.txt": (
        "Here's a cute cartoon kitten playing with a ball of yarn for you! ",
        Usage(16, 1307),
    ),
    "googleai/streaming-success-thinking-function-call-thought-summary-signature.txt": (
        Fault.EMPTY,
        Usage(38, 174, 168),
    ),
    "googleai/streaming-success-thinking-reply-thought-summary.txt": (
        "The sky is blue because tiny gas molecules in Earth's atmosphere scatter blue light from the sun more "
        "efficiently than other colors. Blue light has shorter, smaller wavelengths, causing it to be scattered in all "
        "directions, making the sky appear blue to our eyes.",
        Usage(10, 588, 540),
    ),
    "googleai/unary-failure-api-key.json": (Fault.AUTH, NOTHING),
    "googleai/unary-failure-finish-reason-safety.json": (Fault.REFUSAL, Usage(7, 20)),
    "googleai/unary-failure-finish-reason-safety.txt": (Fault.REFUSAL, Usage(7, 20)),
    "googleai/unary-failure-generativelanguage-api-not-enabled.json": (Fault.AUTH, NOTHING),
    "googleai/unary-failure-unknown-model.txt": (Fault.REQUEST, NOTHING),
    "googleai/unary-failure-with-message-no-content.json": (Fault.REFUSAL, NOTHING),
    "googleai/unary-success-basic-reply-long.json": (
        Told("Making professional-quality coffee at home is", "*   **Pour Over (e.g., Hario V60, Chemex):**\n"),
        Usage(9, 1612),
    ),
    "googleai/unary-success-basic-reply-long.txt": (
        Told("Making professional-quality coffee at home is", "*   **Pour Over (e.g., Hario V60, Chemex):**\n"),
        Usage(9, 1612),
    ),
    "googleai/unary-success-basic-reply-short.json": (
        "Google's headquarters, also known as the Googleplex, is located in **Mountain View, California**.\n",
        Usage(7, 22),
    ),
    "googleai/unary-success-code-execution.json": (
        "The first 5 prime numbers are 2, 3, 5, 7, and 11.\nThe sum of these numbers is:\n2 + 3 + 5 + 7 + 11 = 28",
        Usage(181, 182, 86),
    ),
    "googleai/unary-success-google-maps-grounding.json": (
        Told("Here are a few pizza places near you:\n\n*", "They offer takeout, delivery, and dine-in."),
        Usage(68, 375, 87),
    ),
    "googleai/unary-success-google-search-grounding-empty-grounding-chunks.json": (
        "The current weather in London, United Kingdom is cloudy with a temperature of 67°F (19°C), but it feels like "
        "75°F (24°C). There is a 0% chance of rain and the humidity is around 41%.\n",
        Usage(8, 59),
    ),
    "googleai/unary-success-google-search-grounding.json": (
        "The current weather in London, United Kingdom is cloudy. The temperature is 67°F (19°C), but it feels like "
        "75°F (24°C). There is a 0% chance of rain, and the humidity is around 41%.\n",
        Usage(8, 60),
    ),
    "googleai/unary-success-thinking-function-call-thought-summary-signature.json": (Fault.EMPTY, Usage(38, 509, 501)),
    "googleai/unary-success-url-context-mixed-validity.json": (
        Told("\nThe valid page, https://ai.google.dev, success", "preventing the content from being retrieved."),
        Usage(2079, 358, 46),
    ),
    "googleai/unary-success-url-context.json": (
        Told("Berkshire Hathaway Inc.'s official website", "along with a GEICO advertisement."),
        Usage(439, 244, 142),
    ),
    "vertexai/streaming-failure-api-key.txt": (Fault.AUTH, NOTHING),
    "vertexai/streaming-failure-empty-content.txt": (Fault.EMPTY, NOTHING),
    "vertexai/streaming-failure-error-mid-stream.txt": (Fault.OVERLOAD, NOTHING),
    "vertexai/streaming-failure-finish-reason-safety.txt": (Fault.REFUSAL, Usage(10, 66)),
    "vertexai/streaming-failure-http-error.txt": (Fault.REQUEST, NOTHING),
    "vertexai/streaming-failure-invalid-json.txt": (Fault.MALFORMED, NOTHING),
    "vertexai/streaming-failure-malformed-content.txt": (Fault.EMPTY, NOTHING),
    "vertexai/streaming-failure-prompt-blocked-safety-with-message.txt": (Fault.REFUSAL, NOTHING),
    "vertexai/streaming-failure-prompt-blocked-safety.txt": (Fault.REFUSAL, NOTHING),
    "vertexai/streaming-failure-recitation-no-content.txt": (Fault.REFUSAL, NOTHING),
    "vertexai/streaming-failure-unknown-finish-enum.txt": (Fault.REFUSAL, NOTHING),
    "vertexai/streaming-failure-unknown-model.txt": (Fault.REQUEST, NOTHING),
    "vertexai/streaming-success-basic-reply-long.txt": (
        "Okay, let's brew a decent cup of coffee! Here's a breakdown of how to a little practice, you'll be brewing "
        "delicious coffee in no time.\n",
        Usage(12, 1706),
    ),
    "vertexai/streaming-success-basic-reply-parts.txt": ("1 2 3 4 5 6 7 8", Usage(6, 326)),
    "vertexai/streaming-success-basic-reply-short.txt": ("Cheyenne", Usage(6, 4)),
    "vertexai/streaming-success-citations.txt": (
        Told("1. **Definition:**\nQuantum mechanics", 'Mechanics?" by MinutePhysics (YouTube Channel)'),
        NOTHING,
    ),
    "vertexai/streaming-success-empty-text-part.txt": ("1", Usage(8, 1)),
    "vertexai/streaming-success-quotes-escaped.txt": (
        Told(' Pineapples and "bananas" are two different', "pineapples do not grow on banana plants."),
        NOTHING,
    ),
    "vertexai/streaming-success-thinking-reply-thought-summary.txt": (
        Told("The sky is blue due to a phenomenon called", "our eyes are more sensitive to blue)."),
        Usage(9, 1201, 1067),
    ),
    "vertexai/streaming-success-unknown-safety-enum.txt": (
        Told("**Cats:**\n\n- **Physical Characteristics", "detecting any potential health issues early on."),
        NOTHING,
    ),
    "vertexai/streaming-success-url-context.txt": (
        Told("The Google homepage primarily serves as", "and access privacy and advertising information."),
        Usage(57, 48),
    ),
    "vertexai/unary-failure-api-key.json": (Fault.AUTH, NOTHING),
    "vertexai/unary-failure-empty-content.json": (Fault.EMPTY, NOTHING),
    "vertexai/unary-failure-finish-reason-safety-no-content.json": (Fault.REFUSAL, Usage(8)),
    "vertexai/unary-failure-finish-reason-safety.json": (Fault.REFUSAL, Usage(8)),
    "vertexai/unary-failure-firebaseml-api-not-enabled.json": (Fault.AUTH, NOTHING),
    "vertexai/unary-failure-firebasevertexai-api-not-enabled.json": (Fault.AUTH, NOTHING),
    "vertexai/unary-failure-http-error.json": (Fault.REQUEST, NOTHING),
    "vertexai/unary-failure-iam-permission-denied.json": (Fault.AUTH, NOTHING),
    "vertexai/unary-failure-invalid-context-cache-id.json": (Fault.REQUEST, NOTHING),
    "vertexai/unary-failure-invalid-location-url-not-found.html": (Fault.REQUEST, NOTHING),
    "vertexai/unary-failure-malformed-content.json": (Fault.EMPTY, NOTHING),
    "vertexai/unary-failure-model-not-found.json": (Fault.REQUEST, NOTHING),
    "vertexai/unary-failure-prompt-blocked-safety-with-message.json": (Fault.REFUSAL, NOTHING),
    "vertexai/unary-failure-prompt-blocked-safety.json": (Fault.REFUSAL, NOTHING),
    # so many a minute, and the limit is none at all
    "vertexai/unary-failure-quota-exceeded.json": (Fault.QUOTA, NOTHING),
    "vertexai/unary-failure-unknown-enum-finish-reason.json": (Fault.REFUSAL, NOTHING),
    "vertexai/unary-failure-unknown-enum-prompt-blocked.json": (Fault.REFUSAL, NOTHING),
    "vertexai/unary-failure-unknown-model.json": (Fault.REQUEST, NOTHING),
    "vertexai/unary-failure-unsupported-user-location.json": (Fault.REQUEST, NOTHING),
    "vertexai/unary-success-basic-reply-long.json": (
        Told("1. **Use Freshly Ground Coffee**:\n   - Grind", "flavor and aroma within 30 minutes of brewing."),
        Usage(6, 303),
    ),
    "vertexai/unary-success-basic-reply-short.json": ("Mountain View, California", Usage(6, 7)),
    "vertexai/unary-success-basic-response-long-usage-metadata.json": (
        "Here is a description of the image:\\n\\n",
        Usage(1837, 76),
    ),
    "vertexai/unary-success-citations-nolicense.json": (
        "Some information cited from an external source",
        Usage(11, 135),
    ),
    "vertexai/unary-success-citations.json": ("Some information cited from an external source", Usage(15, 253)),
    "vertexai/unary-success-code-execution.json": (
        Told("To find the sum of the first 5 prime numbers", "prime numbers (2, 3, 5, 7, and 11) is 28."),
        Usage(391, 384, 192),
    ),
    "vertexai/unary-success-constraint-decoding-json.json": (
        Told('[\n  {\n    "name": "Fuji Dawn",', "]\n\n"),
        NOTHING,
    ),
    # what an answer to "how many tokens" looks like
    "vertexai/unary-success-detailed-token-response.json": (Fault.MALFORMED, NOTHING),
    "vertexai/unary-success-no-billable-characters.json": (Fault.MALFORMED, NOTHING),
    "vertexai/unary-success-empty-part.json": (
        "I can certainly help you with that! Here's your 3D rendered image of a pig with wings and a top hat flying "
        "over a happy futuristic sci-fi city with lots of greenery:\n\n",
        Usage(33, 299),
    ),
    "vertexai/unary-success-empty-text-part.json": (Fault.EMPTY, Usage(8)),
    "vertexai/unary-success-function-call-complex-json-literal.json": (Fault.EMPTY, Usage(774, 4176)),
    "vertexai/unary-success-function-call-empty-arguments.json": (Fault.EMPTY, NOTHING),
    "vertexai/unary-success-function-call-json-literal.json": (Fault.EMPTY, Usage(774, 4176)),
    "vertexai/unary-success-function-call-mixed-content.json": ("The sum of [1, 2,3] is", NOTHING),
    "vertexai/unary-success-function-call-no-arguments.json": (Fault.EMPTY, NOTHING),
    "vertexai/unary-success-function-call-null.json": (Fault.EMPTY, Usage(774, 4176)),
    "vertexai/unary-success-function-call-parallel-calls.json": (Fault.EMPTY, NOTHING),
    "vertexai/unary-success-function-call-with-arguments.json": (Fault.EMPTY, NOTHING),
    "vertexai/unary-success-google-search-grounding.json": (
        "The current weather in London, United Kingdom is cloudy. The temperature is 67°F (19°C), but it feels like "
        "75°F (24°C). There is a 0% chance of rain, and the humidity is around 41%.\n",
        Usage(8, 60),
    ),
    "vertexai/unary-success-implicit-caching.json": (
        "Red Riding Hood is looking for **directions** in the forest.",
        Usage(12_013, 88, 73),
    ),
    "vertexai/unary-success-including-severity.json": (
        "## One Thousand and One Nights: A Summary\n\nOne Thousand and One Nights, also known as Arabian Nights, is a "
        "collection of Middle Eastern and South Asian stories.",
        Usage(11, 592),
    ),
    "vertexai/unary-success-missing-safety-ratings.json": ("This is the generated content.", NOTHING),
    "vertexai/unary-success-partial-usage-metadata.json": ("Mountain View, California, United States", Usage(6)),
    "vertexai/unary-success-url-context-missing-retrievedurl.json": (
        Told("I attempted to access the provided URLs", "illustrative purposes and not for actual active websites."),
        Usage(235, 329, 236),
    ),
    "vertexai/unary-success-url-context-mixed-validity.json": (
        Told("The `browse` tool output shows the following", "confirming its paywalled status."),
        Usage(293, 625, 179),
    ),
    "vertexai/unary-success-usage-metadata.json": ("Mountain View, California, United States", Usage(6, 357)),
}
STREAMS = [name for name in EXPECTED if "/streaming-" in name]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def there() -> AsyncIterator[GeminiServer]:
    async with playing() as server:
        yield server


async def test_every_recorded_body_is_read(recorded_data: Path) -> None:
    folder = recorded_data / "llm_api"

    found = {f"{host}/{path.name}" for host in ("googleai", "vertexai") for path in folder.glob(f"gemini_{host}/*")}

    assert found == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
async def test_a_recorded_body_gives_its_text_or_its_fault(there: GeminiServer, recorded_data: Path, name: str) -> None:
    expected, usage = EXPECTED[name]
    there.plays(whole(recorded(recorded_data, name)))

    said: str | Fault
    try:
        reply = await there.plug.complete(PROMPT)
    except ModelUnavailable as wrong:
        said, taken = wrong.fault, wrong.usage
    else:
        said, taken = reply.text, reply.usage

    if isinstance(expected, Told):
        assert isinstance(said, str) and said.startswith(expected.begins) and said.endswith(expected.ends)
    else:
        assert said == expected
    assert taken == usage


@pytest.mark.filterwarnings("ignore:.* is not a valid Harm:UserWarning")
@pytest.mark.parametrize("name", [name for name, (expected, _) in EXPECTED.items() if not isinstance(expected, Fault)])
async def test_the_text_is_what_the_sdk_reads_itself(there: GeminiServer, recorded_data: Path, name: str) -> None:
    content = recorded(recorded_data, name)
    there.plays(Played(content))
    async with httpx.AsyncClient() as http:
        options = HttpOptions(base_url=there.url, api_version="v1beta", httpx_async_client=http)
        with genai.Client(api_key=KEY, http_options=options) as sdk:
            if name in STREAMS:
                stream = await sdk.aio.models.generate_content_stream(model=MODEL, contents="price: 100")
                heard = [event async for event in stream]
            else:
                heard = [await sdk.aio.models.generate_content(model=MODEL, contents="price: 100")]
    there.plays(whole(content))

    reply = await there.plug.complete(PROMPT)

    parts = [part for event in heard for part in event.parts or [] if not part.thought]
    assert reply.text == "".join(part.text or "" for part in parts)


@pytest.mark.parametrize("name", STREAMS)
async def test_a_stream_that_nobody_asked_for_is_no_answer(there: GeminiServer, recorded_data: Path, name: str) -> None:
    content = recorded(recorded_data, name)
    if not content.startswith(b"data: "):
        return
    there.plays(Played(content, media_type="text/event-stream"))

    with pytest.raises(ModelUnavailable) as caught:
        await there.plug.complete(PROMPT)

    assert caught.value.fault is Fault.MALFORMED


async def test_a_key_in_a_recorded_refusal_is_not_repeated(there: GeminiServer, recorded_data: Path) -> None:
    told = json.loads(recorded(recorded_data, "googleai/unary-failure-api-key.json").replace(b"key1234", KEY.encode()))
    told["error"]["message"] += " " + told["error"]["details"][2]["detail"]
    there.plays(Played(told, 400))

    with pytest.raises(ModelUnavailable, match=r"Invalid API key: \[key\]") as caught:
        await there.plug.complete(PROMPT)

    assert caught.value.fault is Fault.AUTH


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
async def test_half_of_a_recorded_body_is_no_answer(there: GeminiServer, recorded_data: Path, share: float) -> None:
    for name in (name for name in EXPECTED if "unary-success" in name):
        content = recorded(recorded_data, name).strip()
        there.plays(Played(content[: int(len(content) * share)]))

        with pytest.raises(ModelUnavailable) as caught:
            await there.plug.complete(PROMPT)

        assert caught.value.fault is Fault.MALFORMED, name


def recorded(data: Path, name: str) -> bytes:
    return (data / "llm_api" / f"gemini_{name}").read_bytes()


def whole(content: bytes) -> Played:
    """A recorded body as a whole answer: its events in one, an error under its status."""
    text = content.decode()
    if text.startswith("<"):
        return Played(content, 404, "text/html; charset=UTF-8")
    events = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]
    rest = "\n".join(line for line in text.splitlines() if not line.startswith("data: ")).strip()
    told = {**merged(events), **(json.loads(rest) if rest else {})}
    return Played(content if not events else told, told.get("error", {}).get("code", 200))


def merged(events: list[dict[str, Any]]) -> dict[str, Any]:
    """What of an event comes later replaces what came before; the parts of the candidates follow each other."""
    told: dict[str, Any] = {}
    parts: list[Any] = []
    for event in events:
        for candidate in event.get("candidates", []):
            parts += candidate.get("content", {}).get("parts", [])
            told["candidates"] = [{**told.get("candidates", [{}])[0], **candidate}]
        told |= {key: value for key, value in event.items() if key != "candidates"}
    if parts:
        told["candidates"][0] |= {"content": {"parts": parts, "role": "model"}}
    return told
