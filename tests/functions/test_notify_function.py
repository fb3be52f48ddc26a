"""The function `notify`: facts into the mail, the mail to Discord, within a call's time and at no trade's cost."""

import asyncio
import io
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from threading import Event as Signal
from threading import Thread
from typing import Any

import pytest
from aws_here import Context, threaded
from discord_server import HOOK, Answer, Discord, limited
from world import BTC, H4, MONDAY, CycleModel, bars, cycle, live, path, says, told, world

from semanticsignal import wiring
from semanticsignal.adapters.dynamodb import DynamoMail
from semanticsignal.adapters.ssm import NamedParameters
from semanticsignal.domain.errors import InvalidSetting, LedgerUnavailable, Unavailable
from semanticsignal.domain.secrets import DISCORD
from semanticsignal.drivers.aws_lambda import serve
from semanticsignal.drivers.aws_notify import Notify
from semanticsignal.drivers.aws_notify import serve as serve_notify
from semanticsignal.ports import Sockets
from tests.functions.aws import IDENTITY, account, client, mail_table
from tests.functions.lambdas import Event, envelope, recorded

NAMES = count()
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ROUND = {"kind": "ScheduledRound", "scheduled_at": "2026-01-05T20:05:00Z"}


class Call(Context):
    """One of many at once. `left_s`: of its time."""

    def __init__(self, name: str = "1", left_s: float = 80) -> None:
        super().__init__("notify")
        self.aws_request_id, self._left_s = name, left_s

    def get_remaining_time_in_millis(self) -> int:
        return int(self._left_s * 1000)


class Cloud:
    """A trade that was lived, the mail and the secrets of a deployment, and a Discord."""

    def __init__(self, on: Sockets, aws: str) -> None:
        self.on, self.aws, self.there = on, aws, Discord()
        self.table, self.path = mail_table(aws, f"told-{next(NAMES)}"), f"/semanticsignal/{next(NAMES)}"
        self.made: list[Notify] = []
        self.facts = [entry.fact for entry in asyncio.run(told(on))]

    def container(self) -> Notify:
        """A new one."""
        made = serve_notify()
        made.on = self.on
        made.mail = DynamoMail(self.table, endpoint_url=self.aws)
        made.secrets = NamedParameters(self.path, DISCORD)
        self.made.append(made)
        return made

    def keep(self, **secrets: str) -> None:
        for name, value in secrets.items():
            told = {"Name": f"{self.path}/{name}", "Type": "SecureString"}
            client("ssm", self.aws).put_parameter(**told, Value=value, Overwrite=True)

    def events(self, *kinds: str) -> list[Event]:
        return [envelope(fact) for fact in self.facts if not kinds or type(fact).__name__ in kinds]

    def later(self, by: timedelta) -> None:
        self.on.clock.set(self.on.clock.now() + by)  # type: ignore[attr-defined]


def lived(**more: Any) -> Sockets:
    """A long from 100 on Monday at four, closed at its target of 104; and it is four again, so that all is news."""
    model = CycleModel({cycle(BTC, MONDAY + H4): says("BUY", 98, 104, **more)})
    on = world(bars(path([100, 100, 100, 103, 105])), model=model)
    asyncio.run(live(on, MONDAY + H4, MONDAY + 4 * H4))
    on.clock.set(MONDAY + H4)  # type: ignore[attr-defined]
    return replace(on, settings=replace(on.settings, discord=replace(on.settings.discord, has_chart=False)))


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with account() as found:
        yield found.url


@pytest.fixture
def cloud(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    for name, value in {**IDENTITY, "AWS_ENDPOINT_URL": aws}.items():
        monkeypatch.setenv(name, value)
    made = Cloud(lived(), aws)
    with threaded(made.there) as url:
        made.keep(DISCORD_WEBHOOK_URL=url + HOOK)
        yield made
        for each in made.made:
            each.runner.close()
            each.mail.close()


def test_what_happened_is_told_once_however_often_its_events_come(cloud: Cloud) -> None:
    notify, opened = cloud.container(), cloud.events("PositionOpened", "PositionClosed")

    answers = [notify(event, Call()) for event in [*opened, *reversed(opened), *opened]]

    assert len(cloud.there.titles) == 2 and answers == [{"facts": []}] * 6
    assert cloud.container()(opened[0], Call()) == {"facts": []} and len(cloud.there.titles) == 2


def test_what_discord_would_not_take_now_is_sent_by_the_schedule_and_nobody_asks_before(cloud: Cloud) -> None:
    opened, closed = cloud.events("PositionOpened", "PositionClosed")
    cloud.there.next = [limited(400.0)]

    cloud.container()(opened, Call())
    cloud.later(5 * MINUTE)
    cloud.container()(closed, Call())
    cloud.container()(ROUND, Call())
    assert cloud.there.asked == ["POST"]

    cloud.later(2 * MINUTE)
    cloud.container()(ROUND, Call())
    assert cloud.there.asked == ["POST"] * 3 and len(set(cloud.there.titles)) == 2


@pytest.mark.parametrize("body", [b'{"retry_after": 1' + b"0" * 400 + b"}", {"retry_after": 1e9}])
def test_a_limit_without_end_is_an_end_of_this_call_and_of_none_after_a_quarter_of_an_hour(
    body: Any, cloud: Cloud
) -> None:
    [opened] = cloud.events("PositionOpened")
    cloud.there.next = [Answer(429, body)]

    assert cloud.container()(opened, Call()) == {"facts": []} and cloud.there.titles == []

    cloud.later(15 * MINUTE)
    cloud.container()(ROUND, Call())
    assert len(cloud.there.titles) == 1


def test_a_function_waits_for_moments_and_leaves_the_rest_to_the_schedule(cloud: Cloud) -> None:
    [opened] = cloud.events("PositionOpened")
    began = cloud.on.clock.now()
    cloud.there.next = [limited(2.0), *[Answer(502)] * 8]

    cloud.container()(opened, Call())
    assert cloud.on.clock.now() - began == timedelta(seconds=3 + 1 + 2 + 4) and cloud.there.titles == []

    cloud.later(5 * MINUTE)
    cloud.container()(ROUND, Call())
    assert len(cloud.there.titles) == 1


def test_nothing_is_begun_that_would_not_end_in_time(cloud: Cloud) -> None:
    opened, closed = cloud.events("PositionOpened", "PositionClosed")

    cloud.container()(opened, Call(left_s=20))
    assert cloud.there.asked == []

    cloud.container()(closed, Call(left_s=80))
    assert len(cloud.there.titles) == 2


def test_messages_are_taken_back_after_a_week_and_then_no_more(cloud: Cloud) -> None:
    [opened] = cloud.events("PositionOpened")
    cloud.container()(opened, Call())

    cloud.later(167 * HOUR)
    cloud.container()(ROUND, Call())
    assert len(cloud.there.titles) == 1

    cloud.later(HOUR)
    for _ in range(2):
        cloud.container()(ROUND, Call())
    assert cloud.there.titles == [] and cloud.there.asked == ["POST", "DELETE"]


def test_a_webhook_that_is_gone_is_left_alone_for_an_hour(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    cloud.there.is_deleted = True
    for event in cloud.events("PositionOpened", "PositionClosed"):
        assert cloud.container()(event, Call()) == {"facts": []}
    assert cloud.there.asked == ["POST"] and caplog.text.count("sent there for an hour, and trading goes on") == 1

    cloud.there.is_deleted = False
    cloud.later(59 * MINUTE)
    cloud.container()(ROUND, Call())
    assert cloud.there.asked == ["POST"]

    cloud.later(MINUTE)
    cloud.container()(ROUND, Call())
    assert len(cloud.there.titles) == 2


def test_without_a_secret_nothing_is_read_written_or_sent_and_it_is_said_once(cloud: Cloud) -> None:
    client("ssm", cloud.aws).delete_parameter(Name=f"{cloud.path}/{DISCORD[0]}")
    notify = cloud.container()
    notify.on = replace(cloud.on, ledger=None)  # type: ignore[arg-type]
    said: list[str] = []
    notify.log.addHandler(heard := Heard(said))

    for event in [*cloud.events("PositionOpened", "PositionClosed"), ROUND]:
        assert notify(event, Call()) == {"facts": []}

    notify.log.removeHandler(heard)
    assert [line for line in said if "nobody is told" in line] == [
        "nobody is told: DISCORD_WEBHOOK_URL, BOT_TOKEN_DISCORD, MAIN_CHANNEL_ID are not among the secrets"
    ]
    items = client("dynamodb", cloud.aws).scan(TableName=cloud.table)["Items"]
    assert items == [] and cloud.there.asked == []


class Parrot:
    """Says the key back to every question, once it was shown it."""

    def __init__(self, shown: Callable[[], str]) -> None:
        self._shown = shown

    def __getattr__(self, question: str) -> Any:
        async def refuses(*_: Any, **__: Any) -> Any:
            key = self._shown()
            logging.getLogger("semsig").warning("%s: %r", question, key)
            raise LedgerUnavailable(f"401 to {question}: who is {key}?") from ValueError(key)

        return refuses


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("decide", "OPENROUTER_API_KEY"), ("collect", "COINGECKO_API_KEY"), ("notify", "DISCORD_WEBHOOK_URL"),
    ],
)  # fmt: skip
def test_no_secret_is_in_the_log_of_a_function_from_the_moment_it_was_read(
    name: str, secret: str, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SEMSIG_SECRETS", cloud.path)
    token = f"planted-{name}-s3cret-0123456789"
    where = f"discord/{secret}" if secret in DISCORD else secret
    cloud.keep(**{where: f"https://discord.com/api/webhooks/1/{token}" if secret in DISCORD else token})
    read = wiring.parameters(cloud.path)
    parrot: Any = Parrot(lambda: token if secret in DISCORD else read(secret))
    function = serve_notify() if name == "notify" else serve(name)
    function.on = replace(cloud.on, ledger=parrot, archive=parrot, market=parrot)
    if isinstance(function, Notify):
        function.mail = cloud.container().mail
    event = cloud.events("PositionOpened")[0] if name == "notify" else recorded(name)
    (stream,) = function.log.handlers
    assert isinstance(stream, logging.StreamHandler)
    # Not setStream: it flushes the one before, which may be that of a test that has ended.
    before, stream.stream = stream.stream, (words := io.StringIO())
    caplog.set_level(logging.INFO)

    try:
        with pytest.raises(LedgerUnavailable) as raised:
            function(event, Call())
    finally:
        stream.stream = before
        function.runner.close()

    cause = raised.value.__cause__
    for said in (words.getvalue(), caplog.text, str(raised.value), str(cause)):
        assert token not in said and f"[{secret}]" in said


def test_a_model_that_wrote_a_key_is_quoted_without_it(cloud: Cloud) -> None:
    key = f"sk-or-v1-{'planted' * 4}"
    made = Cloud(lived(reasoning=f"Who is {key}?"), cloud.aws)
    made.path = cloud.path
    notify = made.container()
    cloud.made.append(notify)

    for event in made.events("DecisionMade"):
        notify(event, Call())

    posted = str(cloud.there.messages)
    assert key not in posted and "Who is [a key]?" in posted


class Heard(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())


def test_a_new_secret_is_seen_with_the_next_event(cloud: Cloud) -> None:
    notify, (opened, closed) = cloud.container(), cloud.events("PositionOpened", "PositionClosed")
    url = client("ssm", cloud.aws).get_parameter(Name=f"{cloud.path}/{DISCORD[0]}", WithDecryption=True)
    client("ssm", cloud.aws).delete_parameter(Name=f"{cloud.path}/{DISCORD[0]}")
    notify(opened, Call())

    cloud.keep(DISCORD_WEBHOOK_URL=url["Parameter"]["Value"])
    notify(closed, Call())

    assert len(cloud.there.titles) == 1


def test_a_secret_that_is_no_webhook_is_a_dead_letter_and_never_said(cloud: Cloud) -> None:
    cloud.keep(DISCORD_WEBHOOK_URL="https://example.com/api/webhooks/1/planted-webhook-token")

    with pytest.raises(InvalidSetting) as refused:
        cloud.container()(cloud.events("PositionOpened")[0], Call())

    assert "planted" not in str(refused.value)


def test_a_mail_that_does_not_answer_is_tried_again_and_once_it_is_kept_no_more(cloud: Cloud) -> None:
    [opened] = cloud.events("PositionOpened")
    notify = cloud.container()
    notify.mail = DynamoMail("nowhere", endpoint_url=cloud.aws)
    with pytest.raises(LedgerUnavailable):
        notify(opened, Call())

    notify.mail = Turnless(cloud.table, endpoint_url=cloud.aws)
    assert notify(opened, Call()) == {"facts": []}
    assert cloud.there.asked == []
    with pytest.raises(Unavailable):
        notify(ROUND, Call())

    cloud.container()(ROUND, Call())
    assert len(cloud.there.titles) == 1


def test_a_defect_in_the_sending_loses_no_mail_and_its_words_are_not_said(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    [opened] = cloud.events("PositionOpened")
    notify = cloud.container()
    notify.mail = Broken(cloud.table, endpoint_url=cloud.aws)

    assert notify(opened, Call("planted")) == {"facts": []}
    said = caplog.text
    assert "was a defect: RuntimeError" in said and "in begin" in said and "planted" not in said
    with pytest.raises(RuntimeError):
        notify(ROUND, Call())

    cloud.container()(ROUND, Call())
    assert len(cloud.there.titles) == 1


class Broken(DynamoMail):
    async def begin(self, who: str, **_: Any) -> bool:
        raise RuntimeError(who)


class Turnless(DynamoMail):
    """It takes posts, and then it is gone."""

    async def begin(self, who: str, **_: Any) -> bool:
        raise LedgerUnavailable(f"cannot write the mail for {who}")


def test_of_two_calls_at_once_one_sends_and_what_came_meanwhile_too(cloud: Cloud) -> None:
    opened, closed = cloud.events("PositionOpened", "PositionClosed")
    first, second = cloud.container(), cloud.container()
    halfway, goes_on = Signal(), Signal()
    # all of its own is sent, and its turn not yet given back
    first.mail.end = paused(first.mail.end, halfway, goes_on)  # type: ignore[method-assign]

    slow = Thread(target=first, args=(opened, Call("first")))
    slow.start()
    assert halfway.wait(30)
    second(closed, Call("second"))
    assert cloud.there.asked == ["POST"]
    goes_on.set()
    slow.join(30)

    assert len(set(cloud.there.titles)) == 2 and cloud.there.asked == ["POST", "POST"]


def paused(ask: Callable[..., Any], halfway: Signal, goes_on: Signal) -> Callable[..., Any]:
    async def asked(*said: Any, **named: Any) -> Any:
        halfway.set()
        assert goes_on.wait(30)
        return await ask(*said, **named)

    return asked


def test_what_a_killed_call_had_begun_is_sent_when_its_time_is_over(cloud: Cloud) -> None:
    [opened] = cloud.events("PositionOpened")
    notify, now = cloud.container(), cloud.on.clock.now()
    asyncio.run(notify.mail.begin("killed", at=now, until=now + MINUTE))

    notify(opened, Call())
    assert cloud.there.asked == []

    cloud.later(MINUTE)
    notify(ROUND, Call())
    assert len(cloud.there.titles) == 1
