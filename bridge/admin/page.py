"""The status page: plain HTML from a health report, nothing loaded from elsewhere, everything escaped."""

from collections.abc import Callable
from html import escape
from typing import Any

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5">
<title>oddsbridge: {verdict}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem; max-width: 72rem; }}
table {{ border-collapse: collapse; width: 100%; margin: 0 0 2rem; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8885; }}
th {{ font-weight: 600; }}
td.n, th.n {{ text-align: right; }}
.good {{ color: #18794e; }} .bad {{ color: #cd2b31; font-weight: 600; }}
td.why {{ overflow-wrap: anywhere; }}
@media (prefers-color-scheme: dark) {{
body {{ background: #151718; color: #ecedee; }} a {{ color: #52a9ff; }}
.good {{ color: #4cc38a; }} .bad {{ color: #ff6369; }}
}}
</style>
</head>
<body>
<h1>oddsbridge <span class="{tone}">{verdict}</span></h1>
<p>Version {version}, up for {uptime}; {records} records/s committed over the last minute.</p>
<h2>Streams</h2>
<table>
<thead><tr><th>stream</th><th>state</th><th>for</th><th class="n">entries/s</th><th class="n">last event</th>\
<th class="n">last ping</th><th>last entry id</th><th>why</th></tr></thead>
<tbody>
{streams}
</tbody>
</table>
<h2>Shards</h2>
<table>
<thead><tr><th>shard</th><th>state</th><th>for</th><th>why</th></tr></thead>
<tbody>
{shards}
</tbody>
</table>
<p><a href="/readyz">readyz</a> <a href="/livez">livez</a> <a href="/metrics">metrics</a></p>
</body>
</html>
"""


def render(
    report: dict[str, Any],
    *,
    version: str,
    uptime_s: float,
    records: float | None,
    entries: Callable[[str], float | None],
) -> str:
    """The page.

    Args:
        report: What `Health.report()` says.
        version: Of oddsbridge.
        uptime_s: Seconds since the start.
        records: Records committed a second, None if it can't be said yet.
        entries: A stream's entries a second, by its name.
    """
    streams = [
        _row(
            ("", name),
            (_tone(good=stream["ready"]), stream["state"]),
            ("", span(stream["state_age_s"])),
            ("n", _rate(entries(name))),
            ("n", span(stream["last_event_age_s"])),
            ("n", span(stream["last_ping_age_s"])),
            ("", stream["last_entry_id"] or "—"),
            ("why", stream["why"]),
        )
        for name, stream in report["streams"].items()
    ]
    shards = [
        _row(
            ("", number),
            (_tone(good=shard["state"] == "running"), shard["state"]),
            ("", span(shard["state_age_s"])),
            ("why", shard["why"]),
        )
        for number, shard in report["shards"].items()
    ]
    return PAGE.format(
        verdict="ready" if report["ready"] else "not ready",
        tone=_tone(good=report["ready"]),
        version=escape(version),
        uptime=span(uptime_s),
        records=_rate(records),
        streams="\n".join(streams),
        shards="\n".join(shards),
    )


def span(seconds: float | None) -> str:
    """A stretch of time as a person reads it: "0.4 s", "12 s", "3 min 5 s", "2 h 5 min", "3 d 4 h"; "—" for None."""
    if seconds is None:
        return "—"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    for size, unit, smaller, small_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // smaller} {small_unit}"
    return f"{whole} s"


def _row(*cells: tuple[str, str]) -> str:
    inside = "".join(f'<td class="{css}">{escape(text)}</td>' for css, text in cells)
    return f"<tr>{inside}</tr>"


def _tone(*, good: bool) -> str:
    return "good" if good else "bad"


def _rate(rate: float | None) -> str:
    if rate is None:
        return "—"
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
