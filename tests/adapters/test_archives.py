"""One contract, three archives: the first write wins, and every key has a place of its own inside."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from world import BTC, MONDAY, bars, path, snapshot

from semanticsignal.adapters.folder import FolderArchive
from semanticsignal.adapters.inmemory import InMemoryArchive
from semanticsignal.adapters.s3 import S3Archive
from semanticsignal.domain.analysis import Snapshot
from semanticsignal.domain.asking import Usage
from semanticsignal.domain.decision import Reply
from semanticsignal.domain.errors import ArchiveUnavailable, BadInput, SemanticSignalError
from semanticsignal.domain.market import Candles
from semanticsignal.ports import Archive
from tests.functions.aws import IDENTITY, Account, account, bucket, client

KEYS = [
    "reply/BTC/USDT#4h#2026-01-01T00:00:00+00:00",
    "reply/BTC/USDT#4h#2026-01-01T04:00:00+00:00",
    "reply/BTC_USDT.4h.2026-01-01T000000_0000",
    "prompt/BTC/USDT#4h#2026-01-01T00:00:00+00:00",
    "reply/by-prompt/" + "a" * 64,
    "reply/" + "x" * 500,
    "reply/" + "x" * 501,
    "reply/火#1",
    "reply/",
    "reply/.",
    "reply/..",
    "reply/a\x00b",
]  # fmt: skip


def files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    with account() as here:
        yield here


BUCKETS = count()


@pytest.fixture
def s3(aws: Account, monkeypatch: pytest.MonkeyPatch) -> S3Archive:
    """On a bucket of its own."""
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    return S3Archive(bucket(aws.url, f"archive-{next(BUCKETS)}"), endpoint_url=aws.url)


@pytest.fixture(params=["memory", "folder", "s3"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    match request.param:
        case "memory":
            return InMemoryArchive()
        case "folder":
            return FolderArchive(tmp_path / "archive")
    found: Archive = request.getfixturevalue("s3")
    return found


class TestArchive:
    async def test_what_was_put_is_there(self, archive: Archive) -> None:
        put = await archive.put("reply/1", Reply("hello", "m", 0.5, Usage(3, 4)))

        assert put == await archive.get("reply/1", Reply) == Reply("hello", "m", 0.5, Usage(3, 4))

    async def test_what_was_not_put_is_none(self, archive: Archive) -> None:
        assert await archive.get("reply/1", Reply) is None

    async def test_the_first_write_wins(self, archive: Archive) -> None:
        await archive.put("reply/1", Reply("first", "m"))

        stands = await archive.put("reply/1", Reply("second", "m"))

        assert stands == await archive.get("reply/1", Reply) == Reply("first", "m")

    async def test_every_key_has_its_own_place(self, archive: Archive) -> None:
        for number, key in enumerate(KEYS):
            await archive.put(key, Reply(str(number), "m"))

        assert [(await archive.get(key, Reply)).text for key in KEYS] == [str(number) for number in range(len(KEYS))]

    async def test_a_snapshot_comes_back_the_same(self, archive: Archive) -> None:
        seen = snapshot("100.10", rsi_14=61.25)

        await archive.put("snapshot/1", seen)

        assert await archive.get("snapshot/1", Snapshot) == seen

    async def test_candles_come_back_bar_for_bar(self, archive: Archive) -> None:
        tape = bars(path([100, 101.5, 99.25]), MONDAY)

        await archive.put("market/1", tape)

        found: Candles = await archive.get("market/1", Candles)
        assert (found.symbol, list(found.opened_ms)) == (BTC, list(tape.opened_ms))
        assert [found.candle(row) for row in range(2)] == [tape.candle(row) for row in range(2)]


@pytest.mark.parametrize(
    "key",
    [
        "../../escaped",
        "reply/../../../escaped",
        "/etc/escaped",
        "..",
        "../escaped",
        "reply/a/../../../b",
        "./../escaped",
        "~/escaped",
    ],
)
async def test_no_key_leads_out_of_the_folder(key: str, tmp_path: Path) -> None:
    root = tmp_path / "deep" / "archive"
    archive = FolderArchive(root)

    try:
        await archive.put(key, Reply("here", "m"))
    except SemanticSignalError:
        pass  # refused is as good as kept inside

    outside = [str(file.relative_to(tmp_path)) for file in files(tmp_path) if root not in file.parents]
    assert outside == []


async def test_a_folder_opened_again_holds_what_it_held(tmp_path: Path) -> None:
    await FolderArchive(tmp_path).put("reply/1", Reply("kept", "m"))

    assert await FolderArchive(tmp_path).get("reply/1", Reply) == Reply("kept", "m")


async def test_a_draft_left_by_a_crash_is_no_item(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path)
    await archive.put("reply/1", Reply("x", "m"))
    (item,) = files(tmp_path)
    item.rename(item.with_name(item.name + ".77.draft"))

    assert await archive.get("reply/1", Reply) is None
    assert await archive.put("reply/1", Reply("y", "m")) == Reply("y", "m")


@pytest.mark.parametrize("damage", [b"", b"not compressed", b"\x1f\x8b\x08", "cut"])
async def test_a_damaged_item_is_reported_in_our_words(damage: bytes | str, tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path)
    await archive.put("reply/1", Reply("x" * 100, "m"))
    (item,) = files(tmp_path)
    item.write_bytes(item.read_bytes()[:-20] if isinstance(damage, str) else damage)

    with pytest.raises(SemanticSignalError):
        await archive.get("reply/1", Reply)


async def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ArchiveUnavailable):
        await FolderArchive(tmp_path / "file").put("reply/1", Reply("x", "m"))


async def test_a_small_memory_forgets_the_oldest() -> None:
    archive = InMemoryArchive(keep=2)
    for number in range(3):
        await archive.put(f"reply/{number}", Reply(str(number), "m"))

    kept: list[Callable[..., object] | Reply | None] = [
        await archive.get(f"reply/{number}", Reply) for number in range(3)
    ]

    assert kept == [None, Reply("1", "m"), Reply("2", "m")]


# --- The bucket ------------------------------------------------------------------------------------------------------


def objects(aws: Account, archive: S3Archive) -> list[str]:
    listed = client("s3", aws.url).list_objects_v2(Bucket=archive._bucket)
    return [item["Key"] for item in listed.get("Contents", [])]


async def test_an_object_is_named_as_the_ledger_names_it(aws: Account, s3: S3Archive) -> None:
    await s3.put("reply/BTC/USDC#4h#2026-01-05T04:00:00+00:00", Reply("x", "m"))

    assert objects(aws, s3) == ["reply/BTC/USDC#4h#2026-01-05T04:00:00+00:00.json.gz"]


async def test_a_damaged_object_is_said(aws: Account, s3: S3Archive) -> None:
    await s3.put("reply/1", Reply("x", "m"))
    client("s3", aws.url).put_object(Bucket=s3._bucket, Key="reply/1.json.gz", Body=b"no gzip")

    with pytest.raises(ArchiveUnavailable, match="damaged"):
        await s3.get("reply/1", Reply)


async def test_a_bucket_that_is_not_there_is_said(aws: Account, s3: S3Archive) -> None:
    nowhere = S3Archive("no-such-bucket", endpoint_url=aws.url)

    with pytest.raises(ArchiveUnavailable, match="NoSuchBucket"):
        await nowhere.put("reply/1", Reply("x", "m"))


async def test_a_key_longer_than_the_bucket_takes_is_refused(s3: S3Archive) -> None:
    with pytest.raises(BadInput, match="at most 1024 bytes"):
        await s3.put("reply/" + "火" * 400, Reply("x", "m"))


async def test_a_bucket_nobody_answers_for_is_said(monkeypatch: pytest.MonkeyPatch, s3: S3Archive) -> None:
    gone = S3Archive("archive", endpoint_url="http://127.0.0.1:9")

    with pytest.raises(ArchiveUnavailable, match="cannot archive reply/1"):
        await gone.put("reply/1", Reply("x", "m"))
    with pytest.raises(ArchiveUnavailable, match="cannot read the archive"):
        await gone.get("reply/1", Reply)
