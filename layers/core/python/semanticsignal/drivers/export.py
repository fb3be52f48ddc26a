"""The ledger of a home as a table, for spreadsheets and notebooks: exact, whole or not there, a page at a time."""

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, get_args, get_type_hints

from .. import wiring
from ..codec import plain
from ..domain.decision import Decision
from ..domain.errors import BadInput
from ..domain.ledger import Closing, Entry, Learned, What
from ..domain.policy import Settings
from ..domain.trading import EquityPoint
from ..logic.show import views
from .writable import unwritable, whole

PAGE = 500
# What a spreadsheet takes for a formula, in their wide forms too.
SIGNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
FORMULA = (*SIGNS, "\t", "\r", "\n")
# Where one begins for a spreadsheet whose lists are not separated by commas; quotes before it may go with its cell's.
WITHIN = re.compile(rf'([;\t\r\n]"*)(?=[{re.escape("".join(SIGNS))}])')
Progress = Callable[[str, int, int], None]
Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class EventRow:
    """Any entry of the ledger, `entry` as JSON."""

    seq: int
    id: str
    kind: str
    at: datetime
    symbol: str | None
    entry: str


def _trades(entry: Entry) -> tuple[Any, ...]:
    return (views.trade(entry.subject.trade),) if isinstance(entry.subject, Closing) else ()


def _decisions(entry: Entry) -> tuple[Any, ...]:
    return (views.decision(entry.subject, entry.seq),) if isinstance(entry.subject, Decision) else ()


def _equity(entry: Entry) -> tuple[Any, ...]:
    return (entry.subject,) if isinstance(entry.subject, EquityPoint) else ()


def _experiences(entry: Entry) -> tuple[Any, ...]:
    return (views.experience(entry.subject),) if isinstance(entry.subject, Learned) else ()


def _events(entry: Entry) -> tuple[EventRow, ...]:
    symbol = getattr(entry.fact, "symbol", None)
    told = json.dumps(plain(entry.subject), separators=(",", ":"))
    return (EventRow(entry.seq, entry.id, entry.kind, entry.fact.at, symbol and str(symbol), told),)


# The kinds of entry that hold them, what a row is, and how an entry gives its rows.
TABLES: dict[What, tuple[tuple[str, ...], type, Callable[[Entry], tuple[Any, ...]]]] = {
    What.TRADES: (("PositionClosed",), views.TradeView, _trades),
    What.DECISIONS: (("DecisionMade",), views.DecisionView, _decisions),
    What.EQUITY: (("EquityMarked",), EquityPoint, _equity),
    What.EXPERIENCES: (("LessonLearned",), views.ExperienceView, _experiences),
    What.REFUSALS: (("DecisionMade", "OrderExpired", "CandleMissed"), views.RefusedView, views.refused),
    What.EVENTS: ((), EventRow, _events),
}


def columns(what: What) -> dict[str, type]:
    """Names, and what is in them; lists of words are text."""
    kind = TABLES[what][1]
    hints = get_type_hints(kind)
    return {field.name: _bare(hints[field.name]) for field in fields(kind)}


def _bare(hint: Any) -> type:
    kinds = [one for one in (get_args(hint) or (hint,)) if one is not type(None)]
    exact: tuple[type, ...] = (Decimal, float, int, bool, datetime)
    return kinds[0] if kinds[0] in exact and len(kinds) == 1 else str


def check(to: Path, *, is_forced: bool) -> None:
    """Before the work, not after it. Raises BadInput."""
    if to.suffix.lower() not in WRITERS:
        raise BadInput(f"--to is a file that ends in {', '.join(WRITERS)}, was {to}")
    if not to.parent.is_dir():
        raise BadInput(f"--to lies in a folder that is there, was {to}; make {to.parent} first")
    if to.is_dir() or (to.exists() and not is_forced):
        raise BadInput(f"--to is a file that is not there yet, was {to}; --force overwrites a file")
    if unwritable(to.parent):
        raise BadInput(f"--to lies in a folder that can be written, was {to}")


async def export(settings: Settings, what: What, to: Path, *, is_forced: bool, progress: Progress) -> int:
    """How many rows were written, whoever holds the home meanwhile. Raises BadInput, LedgerUnavailable."""
    check(to, is_forced=is_forced)
    kinds, _, rows_of = TABLES[what]
    names, many, hides = columns(what), 0, wiring.unsaid().known
    with closing(wiring.read_ledger(Path(settings.home), settings)) as ledger:
        last = await ledger.last_seq()
        with whole(to) as partial:
            with WRITERS[to.suffix.lower()](partial, names) as write:
                after = 0
                while page := await ledger.entries(kinds=kinds, after=after, before=last + 1, limit=PAGE):
                    found = [row for entry in page for row in rows_of(entry)]
                    rows = [[_cell(getattr(row, name), hides) for name in names] for row in found]
                    write(rows)
                    many, after = many + len(rows), page[-1].seq
                    progress(str(what), after, last)
            check(to, is_forced=is_forced)
    return many


def _cell(value: Any, hides: Callable[[str], str]) -> Any:
    """Words may be those of a server that said its key back."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, tuple):
        value = "; ".join(f"{one.guard}: {one.reason}" if isinstance(one, views.RefusalView) else one for one in value)
    return hides(value) if isinstance(value, str) else value


def _text(value: Any) -> Any:
    """As CSV and JSON write it: decimals to the last digit, instants as ISO 8601."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def _defused(value: Any, kind: type) -> Any:
    """Words of others run nothing in a spreadsheet: a quote before them makes them words."""
    value = _text(value)
    if kind is not str or not isinstance(value, str):
        return value
    return "'" * value.startswith(FORMULA) + WITHIN.sub(r"\1'", value)


Write = Callable[[list[list[Any]]], None]


@contextmanager
def _csv(path: Path, names: dict[str, type]) -> Iterator[Write]:
    kinds = list(names.values())
    with _opened(path) as file:
        sheet = csv.writer(file, lineterminator="\n")
        sheet.writerow(names)
        yield lambda rows: sheet.writerows([map(_defused, row, kinds) for row in rows])


@contextmanager
def _jsonl(path: Path, names: dict[str, type]) -> Iterator[Write]:
    def line(row: Row) -> str:
        return json.dumps(dict(zip(names, map(_text, row), strict=True)), ensure_ascii=False) + "\n"

    with _opened(path) as file:
        yield lambda rows: file.writelines(map(line, rows))


def _opened(path: Path) -> IO[str]:
    return path.open("x", encoding="utf-8", newline="", errors="backslashreplace")


@contextmanager
def _parquet(path: Path, names: dict[str, type]) -> Iterator[Write]:
    """Decimals are text: no one scale holds every price and quantity, and binary fractions are not exact."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    kinds = {Decimal: pa.string(), float: pa.float64(), int: pa.int64(), bool: pa.bool_(), str: pa.string()}
    schema = pa.schema([(name, kinds.get(kind, pa.timestamp("us", "UTC"))) for name, kind in names.items()])
    money = {name: "an exact decimal number, as text" for name, kind in names.items() if kind is Decimal}
    with ParquetWriter(path, schema.with_metadata(money), compression="zstd") as file:

        def write(rows: list[list[Any]]) -> None:
            cells = [
                [f"{one:f}" if isinstance(one, Decimal) else one for one in column]
                for column in zip(*rows, strict=True)
            ]
            file.write_table(pa.Table.from_arrays(
                [pa.array(column, kind) for column, kind in zip(cells, schema.types, strict=True)], schema=file.schema
            ))  # fmt: skip

        yield lambda rows: write(rows) if rows else None


WRITERS = {".csv": _csv, ".parquet": _parquet, ".jsonl": _jsonl}
