"""The demo's rules of counting, and its lines: pure."""

import hashlib
from io import StringIO

from bridge.demo.audit import Audit, Seen, Verdict
from bridge.demo.screen import WIDTH, Screen, sample, tick
from bridge.simulator.control import Logged

VALUES = (b'{"id":"a"}', b'{"id":"b"}', b'{"id":"c"}')


def logged(n: int) -> Logged:
    odds = tuple((f"odd-{k}", hashlib.sha256(value).hexdigest()) for k, value in enumerate(VALUES))
    return Logged(n, "odds", f"{n}-0", f"{n}-0", n, (), odds)


def seen(n: int, k: int, *, value: bytes = b"", stream: str = "nba") -> Seen:
    headers = {"event": "odds", "entry_id": f"{n}-0", "order": f"{n}-0-0", "stream": stream}
    return Seen("odds", 0, 10 * n + k, 1, f"odd-{k}", value or VALUES[k], headers)


def verdict(records: list[Seen], entries: int = 2) -> Verdict:
    audit = Audit({"channel": [logged(n) for n in range(1, entries + 1)]})
    for record in records:
        audit.see(record)
    return audit.verdict()


ALL = [seen(n, k) for n in (1, 2) for k in range(3)]


def test_all_of_it_once_is_clean() -> None:
    found = verdict(ALL)
    assert found.clean
    assert str(found) == "6 delivered, 6 in Kafka, 0 lost, 0 twice, 0 out of order"
    assert list(found.complaints()) == []


def test_one_that_is_missing_is_lost_and_named() -> None:
    found = verdict(ALL[:4] + ALL[5:])
    assert not found.clean
    assert "5 in Kafka, 1 lost, 0 twice" in str(found)
    (complaint,) = found.complaints()
    assert complaint.startswith("lost: odds 2-0, key odd-1,")


def test_one_that_is_there_twice_is_named() -> None:
    found = verdict([*ALL, ALL[5]])
    assert not found.clean
    assert "7 in Kafka, 0 lost, 1 twice" in str(found)
    assert next(found.complaints()).startswith("twice: odds 2-0, key odd-2,")


def test_one_lost_and_another_twice_do_not_make_up_for_each_other() -> None:
    found = verdict([*ALL[:4], ALL[4], ALL[4]])
    assert "6 in Kafka, 1 lost, 1 twice" in str(found)
    assert not found.clean


def test_other_bytes_are_a_loss_and_something_that_nobody_sent() -> None:
    found = verdict([*ALL[:5], seen(2, 2, value=b'{"id": "c"}')])
    assert not found.clean
    assert "1 lost, 0 twice" in str(found)
    assert "1 that upstream never sent" in str(found)


def test_an_odd_whose_later_entry_comes_first_is_out_of_order() -> None:
    swapped = [ALL[3], ALL[0], *ALL[1:3], *ALL[4:]]
    found = verdict(swapped)
    assert not found.clean
    assert "0 lost, 0 twice, 1 out of order" in str(found)


def test_order_is_each_streams_own() -> None:
    two = [seen(2, 0), seen(1, 0, stream="other")]
    assert "0 out of order" in str(verdict(two))


def test_nothing_at_all_proves_nothing() -> None:
    found = verdict([], entries=0)
    assert not found.clean
    assert list(found.complaints()) == ["upstream delivered nothing, so nothing is shown"]


def test_many_are_counted_and_a_few_are_named() -> None:
    found = verdict([], entries=20)
    assert "60 lost" in str(found)
    assert list(found.complaints())[-1] == "lost: … and 55 more"


# --- the screen ---------------------------------------------------------------------------------------------------


def test_the_line_of_a_second() -> None:
    report = {"streams": {"a": {"state": "streaming"}, "b": {"state": "backing-off"}}}
    line = tick(7.2, report, streams=2, odds_s=1234.4, newest=(1_700_000_000_500, 3), now_s=1_700_000_002.0)
    assert line == "   7 s   1/2 streams up    1,234 odds/s in Kafka   last entry 1700000000500-3, 1.5 s old"
    assert "0/2 streams up" in tick(1, {}, streams=2, odds_s=0, newest=None, now_s=0)


def test_a_sample_tells_topic_key_headers_and_what_a_person_looks_for() -> None:
    value = b'{"id":"x","name":"S\xc3\xa3o Paulo","price":-110,"note":"' + b"n" * 500 + b'"}'
    lines = sample(Seen("t.odds", 3, 17, 1, "x", value, {"event": "odds", "order": "1-0-0"}))
    assert lines[:3] == ["topic    t.odds  (partition 3, offset 17)", "key      x", "headers  event=odds  order=1-0-0"]
    assert lines[3:5] == ['value    "name": "São Paulo"', '         "price": -110']
    assert f"{len(value)} bytes" in lines[-1]
    assert all(len(line) <= WIDTH for line in lines)
    assert "not JSON" in sample(Seen("t", 0, 0, 1, "k", b"not JSON", {}))[-1]


def test_paragraphs_are_wrapped() -> None:
    out = StringIO()
    Screen(out).say("word " * 60)
    assert max(map(len, out.getvalue().splitlines())) <= WIDTH
