"""Fields of an odd replaced in place: everything else keeps its bytes, whatever they are."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.continuity.merge import with_fields


@pytest.mark.parametrize(
    ("odd", "fields", "merged"),
    [
        (b'{"a":1,"price":-110,"b":2}', {"price": b"120"}, b'{"a":1,"price":120,"b":2}'),
        (b'{ "price" :\t-110.0 , "b":2 }\n', {"price": b"1"}, b'{ "price" :\t1 , "b":2 }\n'),
        (b'{"price":null}', {"price": b"[1,2]"}, b'{"price":[1,2]}'),
        (b'{"limits":{"max":{"price":1}},"price":2}', {"price": b"3"}, b'{"limits":{"max":{"price":1}},"price":3}'),
        (b'{"x":["}",{"y":"]"}],"price":2}', {"price": b"3"}, b'{"x":["}",{"y":"]"}],"price":3}'),
        (b'{"name":"\\"price\\":9","price":2}', {"price": b"3"}, b'{"name":"\\"price\\":9","price":3}'),
        (b'{"name":"ends in \\\\","price":2}', {"price": b"3"}, b'{"name":"ends in \\\\","price":3}'),
        (b'{"pr\\u0069ce":2}', {"price": b"3"}, b'{"pr\\u0069ce":3}'),
        (b'{"price":1,"price":2}', {"price": b"3"}, b'{"price":3,"price":3}'),
        (b'{"price":{"a":[{}]}}', {"price": b"3"}, b'{"price":3}'),
        (b'{"price":""}', {"price": b"3"}, b'{"price":3}'),
        (b'{"a":1}', {"b": b"2", "c": b"3"}, b'{"a":1,"b":2,"c":3}'),
        (b'{"a":1 } ', {"b": b"2"}, b'{"a":1 ,"b":2} '),
        (b'{"a":1}', {"a": b"2", "b": b"3"}, b'{"a":2,"b":3}'),
        (b"{ }", {"b": b"2"}, b'{ "b":2}'),
        (b'{"a":1}', {}, b'{"a":1}'),
        (b'{"a":"\xc3\xa9","b":1}', {"b": b'"\xc3\xa9"'}, b'{"a":"\xc3\xa9","b":"\xc3\xa9"}'),
    ],
)
def test_only_the_fields_that_are_named_change(odd: bytes, fields: dict[str, bytes], merged: bytes) -> None:
    assert with_fields(odd, fields) == merged


@pytest.mark.parametrize(
    "odd",
    [b"", b"[]", b"null", b'"{}"', b'{"a":1', b'{"a":1}}', b"{'a':1}", b'{"a":\xff}', b'{"a":' + b"[" * 9_999, b"\xff"],
)
def test_what_is_no_object_stays_out(odd: bytes) -> None:
    assert with_fields(odd, {"a": b"1"}) is None


names = st.one_of(st.sampled_from(["price", "points", "limits", "id"]), st.text(max_size=6))
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=8,
)
objects = st.dictionaries(names, json_values, max_size=6)
styles = st.fixed_dictionaries(
    {"ensure_ascii": st.booleans(), "indent": st.sampled_from([None, 2, "\t"])},
    optional={"separators": st.sampled_from([(",", ":"), (" , ", " : "), (",\r\n", ":\n\n")])},
)


@given(objects, st.dictionaries(names, json_values, max_size=4), styles)
def test_a_merged_odd_says_what_it_said_and_what_is_new(
    odd: dict[str, object], fields: dict[str, object], style: dict[str, Any]
) -> None:
    raw = _dump(odd, style)
    merged = with_fields(raw, {name: json.dumps(value).encode() for name, value in fields.items()})
    assert merged is not None
    assert json.loads(merged) == odd | fields
    assert list(json.loads(merged)) == [*odd, *(name for name in fields if name not in odd)], "in its order"
    back = with_fields(merged, {name: _dump(odd[name], style) for name in fields if name in odd})
    if fields.keys() <= odd.keys() and style["indent"] is None:
        assert back == raw, "every other byte is as it was"


def _dump(value: object, style: dict[str, Any]) -> bytes:
    return json.dumps(value, **style).encode("utf-8", "replace")
