"""The figures of all rounds as one table, in Markdown: for a terminal, and for a page to keep."""

import statistics
from typing import Any

COLUMNS = (
    "",
    "one key, ns",
    "ratio",
    "all keys, ns",
    "ratio",
    "least-most",
    "p99.9, µs",
    "4 threads, calls/s",
    "ratio",
    "queries a call",
)


def table(rows: list[dict[str, Any]]) -> str:
    """Medians of the rounds, of which each gave its best turn; a ratio is the median of theirs."""
    cells = [COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    rule = [f"{'-' * (width - 1)}:" for width in widths]
    rule[0] = "-" * widths[0]
    return "\n".join(
        f"| {line[0]:<{widths[0]}} | {' | '.join(map(str.rjust, line[1:], widths[1:]))} |"
        for line in [cells[0], rule, *cells[1:]]
    )


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    rounds = row["rounds"]
    all_ratios = [_ratio(each["all"]) for each in rounds]
    # Of throughput more is better: the ratio is of times, as the others are.
    threads = [1 / _ratio(each["threads"]) for each in rounds]
    single = rounds[-1]["singles"]
    few = "" if single["calls"] >= 200_000 else f" (of {single['calls']:,})"
    return (
        row["title"],
        _number(_median(each["one"]["library"] for each in rounds)),
        _number(_median(_ratio(each["one"]) for each in rounds), 2),
        _number(_median(each["all"]["library"] for each in rounds)),
        _number(_median(all_ratios), 2),
        f"{_number(min(all_ratios), 2)}-{_number(max(all_ratios), 2)}",
        f"{_number(single['p999'] / 1_000, 2)}{few}",
        _number(_median(each["threads"]["library"] for each in rounds)),
        _number(_median(threads), 2),
        f"{row['queries']:.2g}",
    )


def _ratio(told: dict[str, float]) -> float:
    return told["library"] / told["bare"]


def _median(values: Any) -> float:
    return statistics.median(values)


def _number(value: float, digits: int = 1) -> str:
    """Digits after the point only where they say something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.{digits}f}"
