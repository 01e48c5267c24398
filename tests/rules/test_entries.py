"""Entries: ids, odds and fixtures out of a body, and whatever else may come."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.entries import CONTROL_EVENTS, FIXTURE_EVENTS, ODD_EVENTS, Entry, EntryId, decode
from bridge.sse import Event

_REASONS = {"malformed", "no-odd-id", "no-fixture-id", "too-large"}


def _entry(data: bytes, event: str = "odds", own_id: str | None = None, discarded: int = 0) -> Entry:
    return decode(Event(event, "9-9", own_id, data, discarded))


def _refused(entry: Entry) -> list[tuple[str, bytes]]:
    return [(reject.reason, reject.value) for reject in entry.rejects]


# -- ids --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("1730079534820-2", (1730079534820, 2)),
        ("0-0", (0, 0)),
        ("007-01", (7, 1)),
        ("18446744073709551615-18446744073709551615", (2**64 - 1, 2**64 - 1)),
        *[(bad, None) for bad in ("", "-", "1", "1-", "-1", "1-2-3", "1--2", "+1-2", " 1-2", "1-2\n", "1_0-2", "a-b")],
        ("\u0663-1", None),  # a digit, but not an ASCII one
        ("1" * 5000 + "-1", None),
    ],
)
def test_entry_ids(text: str, parsed: tuple[int, int] | None) -> None:
    assert EntryId.parse(text) == parsed


def test_entry_ids_are_compared_as_integers() -> None:
    ids = [EntryId.parse(text) for text in ("5-10", "5-2", "40-0")]
    assert [str(entry_id) for entry_id in sorted(filter(None, ids))] == ["5-2", "5-10", "40-0"]


@given(st.integers(0, 10**20 - 1), st.integers(0, 10**20 - 1))
def test_an_id_survives_its_text(ms: int, seq: int) -> None:
    assert EntryId.parse(str(EntryId(ms, seq))) == (ms, seq)


@pytest.mark.parametrize("event", ["odds", "fixture-status", "futures"])
@pytest.mark.parametrize(
    ("body_id", "own_id", "entry_id"),
    [
        ('"1-2"', "3-4", (1, 2)),  # the copilot examples: the two differ
        ('"1-2"', None, (1, 2)),
        (r'"\u0031-2"', None, (1, 2)),
        *[
            (bad, "3-4", (3, 4))
            for bad in (None, "null", '""', "12", '"x"', '{"a":1}', "[]", "true", "1e999", "9" * 77)
        ],
        ("null", "x", None),
        ("null", "", None),
        (None, None, None),
    ],
)
def test_the_id_is_the_bodys_else_the_events_own_never_inherited(
    event: str, body_id: str | None, own_id: str | None, entry_id: tuple[int, int] | None
) -> None:
    tail = "" if body_id is None else f', "entry_id": {body_id}'
    for data in ("[]", '[{"id": "a"}]', '{"fixture_id": "f"}', "null", "5"):
        assert _entry(f'{{"data": {data}{tail}}}'.encode(), event, own_id).id == entry_id


# -- odds -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", sorted(ODD_EVENTS))
def test_odds_are_the_upstreams_own_bytes(event: str) -> None:
    odds = [
        b'{"id":"a","price":-110.0,"price":1e2}',
        rb'{ "id" : "S\u00e3o" , "x" : [1, 2] }',
        '{"id":"São2"}'.encode(),
    ]
    data = b' {"data" : [ ' + b" ,\t ".join(odds) + b'\n ], "entry_id": "1-2", "type": "odds"} '
    entry = _entry(data, event)
    assert entry.event == event
    assert entry.items == list(zip([b"a", "São".encode(), "São2".encode()], odds, strict=True))
    assert entry.rejects == []
    assert entry.id == (1, 2)
    assert entry.size == len(data)
    assert all(type(value) is bytes for _, value in entry.items)


def test_an_odd_without_a_usable_id_is_refused_alone() -> None:
    bad = [b'{"x":1}', b'{"id":""}', b'{"id":null}', b'{"id":5}', b"null", b"5", b'"a"', b'["id"]', b'{"id":"\xff"}']
    entry = _entry(b'{"data":[{"id":"a"},' + b",".join(bad) + b',{"id":"b"}]}')
    assert entry.items == [(b"a", b'{"id":"a"}'), (b"b", b'{"id":"b"}')]
    assert _refused(entry) == [("no-odd-id", value) for value in bad]


def test_one_odd_without_an_array() -> None:
    assert _entry(b'{"data": {"id":"a"} }').items == [(b"a", b'{"id":"a"}')]
    assert _refused(_entry(b'{"data":{"x":1}}')) == [("no-odd-id", b'{"x":1}')]


@pytest.mark.parametrize("event", ["odds", "fixture-results"])
@pytest.mark.parametrize("data", [b"[]", b"[ ]", b"null"])
def test_no_data_is_an_entry_without_items(event: str, data: bytes) -> None:
    entry = _entry(b'{"entry_id":"1-2","data":' + data + b"}", event)
    assert (entry.id, entry.items, entry.rejects) == ((1, 2), [], [])


_BROKEN = [b'{"data":true}', b'{"data":[{"id":"a"}]', b'{"data":[1]}x', b'{"data":[}', b"\xff", b"[" * 99999]
_BROKEN.append(rb'{"data":[{"id":"\ud800"}]}')  # half a surrogate pair is no text


@pytest.mark.parametrize("event", sorted(ODD_EVENTS | FIXTURE_EVENTS))
@pytest.mark.parametrize(
    "data",
    [
        *_BROKEN,
        b"",
        b"{",
        b"ok go",
        b"null",
        b"[]",
        b'[{"id":"a"}]',
        b"{}",
        b'{"entry_id":"1-2"}',
        b'{"data":5}',
        b'{"data":"x"}',
    ],
)
def test_what_isnt_a_body_is_refused_whole(event: str, data: bytes) -> None:
    entry = _entry(data, event, "3-4")
    assert entry.items == []
    assert _refused(entry) == [("malformed", data)]
    assert entry.id == ((1, 2) if b"1-2" in data else (3, 4))
    assert entry.rejects[0].detail


def test_nesting_without_end_is_refused() -> None:
    data = b'{"data":[' + b"[" * 99999 + b"]" * 99999 + b"]}"
    assert _refused(_entry(data)) == [("malformed", data)]


@pytest.mark.parametrize("event", ["odds", "fixture-status", "futures"])
def test_a_discarded_event_says_its_size(event: str) -> None:
    entry = _entry(b"", event, "1-2", discarded=70_000_000)
    assert (entry.id, entry.items, entry.size) == ((1, 2), [], 70_000_000)
    assert _refused(entry) == [("too-large", b"")]
    assert "70000000 bytes" in entry.rejects[0].detail


# -- fixtures ---------------------------------------------------------------------------------------------------------

_INNER = b'{"fixture_id":"f", "new_status":"live"}'


@pytest.mark.parametrize("event", sorted(FIXTURE_EVENTS))
@pytest.mark.parametrize(
    ("data", "key", "value"),
    [
        (_INNER, b"f", _INNER),
        (b'{"data": ' + _INNER + b" }", b"f", _INNER),
        (b'{"data":{"data":' + _INNER + b"}}", b"f", _INNER),
        (b'{"fixture_id":"outer","data":' + _INNER + b"}", b"f", _INNER),
        (b'{"fixture_id":"f","data":{"x":1}}', b"f", b'{"fixture_id":"f","data":{"x":1}}'),
        (b'{"fixture_id":"f","data":[1]}', b"f", b'{"fixture_id":"f","data":[1]}'),
        (b'{"fixture":{"id":"g"}}', b"g", b'{"fixture":{"id":"g"}}'),
        (b'{"fixture_id":"","fixture":{"id":"g"}}', b"g", b'{"fixture_id":"","fixture":{"id":"g"}}'),
        (b'{"fixture_id":"f","fixture":{"id":"g"}}', b"f", b'{"fixture_id":"f","fixture":{"id":"g"}}'),
        (rb'{"fixture_id":"mlb:2D\u00c7"}', "mlb:2DÇ".encode(), rb'{"fixture_id":"mlb:2D\u00c7"}'),
        (b'{"fixture_id":"12345"}', b"12345", b'{"fixture_id":"12345"}'),
    ],
)
def test_fixtures(event: str, data: bytes, key: bytes, value: bytes) -> None:
    body = b'{"data": ' + data + b' ,"entry_id":"1-2"}'
    entry = _entry(body, event)
    assert entry.items == [(key, value)]
    assert (entry.id, entry.rejects, entry.size) == ((1, 2), [], len(body))
    assert _entry(b'{"data":[' + data + b"," + data + b"]}", event).items == [(key, value)] * 2


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b'{"fixture_id":5}',
        b'{"fixture_id":""}',
        b'{"fixture":{"id":null}}',
        b'{"fixture":"g"}',
        b'{"data":{}}',
        b'{"fixture":{"id":""}}',
        b'{"data":' * 99 + _INNER + b"}" * 99,
    ],
)
def test_a_fixture_without_a_name_is_refused(data: bytes) -> None:
    assert _refused(_entry(b'{"data": ' + data + b"}", "fixture-status")) == [("no-fixture-id", data)]


# -- the rest ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b'{"data":[{"id":"a"}]}', b"not JSON", b"", b"\xff\x00", b"[" * 99999, b" {} "])
def test_an_unknown_event_is_carried_whole(data: bytes) -> None:
    entry = _entry(data, "futures", "3-4")
    assert (entry.event, entry.id, entry.items, entry.rejects) == ("futures", (3, 4), [(b"", data)], [])
    assert entry.size == len(data)


@pytest.mark.parametrize("event", sorted(CONTROL_EVENTS))
def test_control_events_carry_nothing(event: str) -> None:
    entry = _entry(b"2024-08-28T18:57:49Z", event, "1-2")
    assert (entry.id, entry.items, entry.rejects) == (None, [], [])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["1-2", "a"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["data", "id", "entry_id", "fixture_id", "fixture", "x"]), inner, max_size=4)
    ),
)
_ANY_EVENT = st.sampled_from(sorted(ODD_EVENTS | FIXTURE_EVENTS | CONTROL_EVENTS | {"message", "é", ""}))


def _check_never_raises(event: str, own_id: str | None, data: bytes) -> None:
    entry = _entry(data, event, own_id)
    assert entry.size == len(data)
    for key, value in entry.items:
        assert value in data
        assert key or event not in ODD_EVENTS | FIXTURE_EVENTS
    for reject in entry.rejects:
        assert reject.reason in _REASONS
        assert reject.value in data


@given(_ANY_EVENT, st.none() | st.text(), st.binary())
def test_any_bytes(event: str, own_id: str | None, data: bytes) -> None:
    _check_never_raises(event, own_id, data)


@given(_ANY_EVENT, st.none() | st.text(), _JSON, st.booleans(), st.integers(0, 5))
def test_any_json(event: str, own_id: str | None, body: object, ascii_only: bool, cut: int) -> None:
    text = json.dumps(body, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    _check_never_raises(event, own_id, text)
    _check_never_raises(event, own_id, text[: len(text) - cut])


@given(st.lists(st.dictionaries(st.sampled_from(["id", "x", "y"]), st.text() | st.integers())), st.booleans())
def test_odds_agree_with_a_plain_json_reader(odds: list[dict[str, str | int]], ascii_only: bool) -> None:
    entry = _entry(json.dumps({"data": odds}, ensure_ascii=ascii_only).encode())
    usable = [odd for odd in odds if isinstance(odd.get("id"), str) and odd["id"]]
    assert [(key.decode(), json.loads(value)) for key, value in entry.items] == [(odd["id"], odd) for odd in usable]
    assert [json.loads(reject.value) for reject in entry.rejects] == [odd for odd in odds if odd not in usable]
