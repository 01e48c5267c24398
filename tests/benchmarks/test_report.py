"""Tables and page: who is disqualified shows no ratio, and the page in the docs is written from results."""

from typing import Any

from benchmarks import latency, report, tables


def rounds(*rates: float, good: bool = True) -> dict[str, Any]:
    each = [{"odds_s": rate, "cpu_s": 1e6 / rate, "busy": 1.0, "good": good, "counted": "1 missing"} for rate in rates]
    middle = sorted(rates)[len(rates) // 2]
    return {"rounds": each, "odds_s": middle, "cpu_s": 1e6 / middle, "good": good}


def results() -> dict[str, Any]:
    paces = {"500": latency.shares([1.0, 2.0, 3.0]) | {"good": True}}
    return {
        "machine": {
            "processor": "A",
            "cores": 2,
            "memory_gb": 8,
            "system": "Linux",
            "python": "3.11",
            "libraries": {"aiokafka": "0.14.0"},
            "pinned": True,
        },
        "when": "2026-11-27",
        "version": "0",
        "framing": "chunked",
        "null_odds_s": 1_000_000.0,
        "took_s": 500.0,
        "rounds": 3,
        "seconds": 3.0,
        "throughput": {
            "guide": rounds(90.0, 100.0, 110.0),
            "exactly-once": rounds(450.0, 500.0, 600.0),
            "quix": rounds(900.0, good=False),
            "aiokafka": {"rounds": [], "odds_s": None, "cpu_s": None, "good": False},
        },
        "latency": {"guide": paces, "exactly-once": {"500": latency.shares([]) | {"good": False}}},
    }


def test_a_fast_loser_has_no_ratio() -> None:
    found = results()["throughput"]
    lines = {line.split("|")[1].strip(): line for line in tables.throughput(found)}
    assert "5.00" in lines[tables.TITLES["exactly-once"]]
    assert "disqualified" in lines[tables.TITLES["quix"]]
    assert "failed" in lines[tables.TITLES["aiokafka"]]
    assert tables.once(found) == [f"{tables.TITLES['quix']}: round 1: 1 missing"]


def test_a_table_keeps_its_columns_in_line() -> None:
    assert tables.table(["a", "b"], [["one", "1"], ["three", "100"]]) == [
        "| a     |   b |",
        "| ----- | --: |",
        "| one   |   1 |",
        "| three | 100 |",
    ]


def test_shares_of_what_was_late() -> None:
    found = latency.shares([float(n) for n in range(1, 1001)])
    assert (found["p50"], found["p99"], found["p99.9"], found["most"]) == (501.0, 991.0, 1000.0, 1000.0)
    assert latency.shares([])["p50"] is None


def test_the_page_has_all_that_was_measured() -> None:
    page = report.page(results() | {"framing": "plain"}, None, None)
    assert "5.00" in page
    assert "2.0 / 3.0 / 3.0" in page
    assert "2026-11-27" in page
    assert "## Memory" not in page


def test_the_page_has_both_framings() -> None:
    plain, chunked = results() | {"framing": "plain"}, results()
    chunked["throughput"]["exactly-once"] = rounds(270.0, 300.0, 330.0)
    page = report.page(plain, chunked, None)
    assert page.index("5.00") < page.index("`--framing chunked`") < page.index("3.00")
    assert page.count("round 1: 1 missing") == 2
    assert "Every odd arrived" not in page
