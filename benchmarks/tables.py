"""Pure: what was measured, as Markdown tables, which a terminal shows well too."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.contestants import ALL
from benchmarks.latency import SHARES

Found = Mapping[str, Any]

TITLES = {who.name: who.title for who in ALL}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table with its columns in line: the first to the left, the others to the right."""
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        shown = [
            cell.rjust(width) if n else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(shown)} |"

    rule = [("-" * width if not n else "-" * (width - 1) + ":") for n, width in enumerate(widths)]
    return [line(head), line(rule), *(line(row) for row in rows)]


def throughput(found: Found) -> list[str]:
    """Odds a second, processor seconds, and the ratio of both to the guide's loop in the same round."""
    rows = []
    for name, result in found.items():
        title = TITLES.get(name, name)
        if not result["rounds"]:
            rows.append([title, "failed", "", "", ""])
            continue
        ratio, by_cpu = ratios(found, name)
        rows.append(
            [
                title,
                spread([each["odds_s"] for each in result["rounds"]], "{:,.0f}"),
                spread(ratio, "{:.2f}") if result["good"] else "disqualified",
                spread([each["cpu_s"] for each in result["rounds"]], "{:.1f}"),
                spread(by_cpu, "{:.2f}") if result["good"] else "disqualified",
            ]
        )
    return table(["median (lowest to highest)", "odds/s", "ratio", "CPU s a million odds", "ratio by CPU"], rows)


def ratios(found: Found, name: str, one: str = "guide") -> tuple[list[float], list[float]]:
    """How many times as fast as another in the same round: by the clock, and by the processor's time."""
    pairs = list(zip(found[name]["rounds"], found[one]["rounds"], strict=False))
    return [it["odds_s"] / by["odds_s"] for it, by in pairs], [by["cpu_s"] / it["cpu_s"] for it, by in pairs]


def spread(values: Sequence[float], form: str) -> str:
    """The median, the lowest and the highest."""
    if not values:
        return ""
    return f"{form.format(median(values))} ({form.format(min(values))} to {form.format(max(values))})"


def once(found: Found) -> list[str]:
    """Who lost or doubled odds, and how many; nothing if nobody did."""
    return [
        f"{TITLES.get(name, name)}: round {number}: {each['counted']}"
        for name, result in found.items()
        for number, each in enumerate(result["rounds"], 1)
        if not each["good"]
    ]


def latency(found: Found) -> list[str]:
    """p50 / p99 / p99.9 in ms at each pace."""
    rates = sorted({int(rate) for paces in found.values() for rate in paces})
    rows = []
    for name, paces in found.items():
        cells = [_shares(paces.get(str(rate))) for rate in rates]
        rows.append([TITLES.get(name, name), *cells])
    return table([f"{' / '.join(SHARES)} in ms", *(f"{rate:,} odds/s" for rate in rates)], rows)


def _shares(result: Found | None) -> str:
    if result is None or result["p50"] is None:
        return "failed"
    shown = " / ".join(f"{result[name]:.1f}" for name in SHARES)
    return shown if result["good"] else f"{shown} (not each once)"


def many(found: Found, what: str) -> list[str]:
    """Throughput of one contestant under several set-ups, as parts of the first one in the same round."""
    first = next(iter(found))
    rows = []
    for name, result in found.items():
        number = name.partition("-")[0]
        if not result["good"]:
            rows.append([number, "disqualified", "", "", ""])
            continue
        ratio, by_cpu = ratios(found, name, first)
        rows.append(
            [
                number,
                spread([each["odds_s"] for each in result["rounds"]], "{:,.0f}"),
                spread(ratio, "{:.2f}"),
                spread([each["cpu_s"] for each in result["rounds"]], "{:.1f}"),
                spread(by_cpu, "{:.2f}"),
            ]
        )
    return table([what, "odds/s", "of the first", "CPU s a million odds", "of the first by CPU"], rows)


def memory(found: Found) -> list[str]:
    """Memory, and the work of doing nothing; the bridge without continuity and with."""
    rows = []
    for name, result in found.items():
        kind, _, who = name.partition("-")
        if kind == "idle":
            streams, _, who = who.partition("-")
            rows.append([f"{TITLES[who]}: idle, streams {streams}", f"{result['mb']:.0f}", f"{result['core']:.1%}"])
        else:
            what = f"{result['odds']:,} odds published" if result["good"] else "not all arrived"
            rows.append([f"{TITLES[who]}: {what}, none twice", f"{result['mb']:.0f}", ""])
    return table(["", "MB", "of a core"], rows)


def seconds(found: Found) -> list[str]:
    """Times after a kill."""
    titles = {
        "restart": "SIGKILL, started again at once: until a reader has the next odd",
        "stall": "SIGKILL, not started again: the longest that readers wait for what healthy producers write",
    }
    rows = [
        [titles[name], f"{result['median_s']:.1f}", ", ".join(f"{s:.1f}" for s in sorted(result["s"]))]
        for name, result in found.items()
    ]
    return table(["", "s, median", "each"], rows)
