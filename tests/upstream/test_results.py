"""Results from the REST side, beside those of the stream."""

import json
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from bridge.entries import decode
from bridge.errors import Disconnected, NotAStream, RateLimited, Refused, UpstreamError
from bridge.simulator import Simulator
from bridge.sse import Event
from bridge.upstream.rest import Rest
from bridge.upstream.results import Results, result_value
from tests.simulator.reader import reading
from tests.upstream.asking import MALFORMED, client, requests, stream
from tests.upstream.conftest import Simulate
from tests.upstream.wire import Upstream

RESULTS = stream("results")


async def told(rest: Rest, ids: list[str], settings: Any = RESULTS) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    async with aclosing(Results(rest, settings).results(ids)) as results:
        async for fixture_id, value in results:
            assert fixture_id not in found
            found[fixture_id] = value
    return found


async def streamed(sim: Simulator, sport: str) -> dict[str, dict[str, Any]]:
    """What the stream told last of each fixture, the game stopped there."""
    async with reading(sim, "results", sport) as reader:
        await reader.until(lambda: any(f.body["data"].get("status") == "completed" for f in reader.entries))
        await sim.control.pause()
        [channel] = await sim.control.channels()
        await reader.entries_until(channel["made"])
        return {f.body["data"]["fixture_id"]: f.body["data"] for f in reader.entries}


@pytest.mark.parametrize("sport", ["basketball", "baseball"])
async def test_a_value_says_what_the_stream_says(simulate: Simulate, sport: str) -> None:
    sim = await simulate(rate=500, results_rate=2000, life=60)
    last = await streamed(sim, sport)
    settings = stream("results", sport)
    async with client(sim) as rest:
        results = Results(rest, settings)
        assert {row.sport for row in (await results.active()).values()} == {sport}
        rows = await results.rows(last)
        values = {i: json.loads(value) for i, value in (await told(rest, list(last), settings)).items()}
    assert set(values) == set(last) == set(rows)
    assert len({value["status"] for value in values.values()} & {"live", "unplayed", "completed"}) > 1
    for fixture_id, value in values.items():
        ours, theirs = dict(value), dict(last[fixture_id])
        assert set(theirs) - set(ours) == {"player_results"}
        assert list(ours) == [name for name in theirs if name in ours]
        score, other = ours.pop("score"), theirs.pop("score")
        if theirs["status"] == "completed":
            del theirs["is_live"]  # upstream's streams may say anything then
            assert not ours.pop("is_live")
        assert ours == {name: theirs[name] for name in ours}
        assert {name: score[name] for name in ("scores", "in_play", "events", "stats")} == {
            name: other[name] for name in ("scores", "in_play", "events", "stats")
        }
        assert ours["status"] == rows[fixture_id].status


async def test_the_bridge_reads_its_own_result_as_it_reads_the_streams(simulate: Simulate) -> None:
    sim = await simulate()
    async with client(sim) as rest:
        ids = list(await Results(rest, RESULTS).active())
        for fixture_id, value in (await told(rest, ids)).items():
            entry = decode(Event("fixture-results", "", None, b'{"data":' + value + b"}"))
            assert entry.items == [(fixture_id.encode(), value)]


def test_the_row_is_the_score_byte_for_byte() -> None:
    row = (
        b'{ "sport":{"id":"tennis","name":"Tennis"},"league":{"id":"atp","name":"ATP"},"scores":{"home":{"total":1.0}},'
        b'"fixture":{"id":"0012","status":"completed","is_live":true,"x":"S\\u00e3o"},"new":[1e2]}'
    )
    fixture_id, value = result_value(msgspec.Raw(row))
    assert fixture_id == "0012"
    assert value == (
        b'{"fixture_id":"0012","sport":"tennis","league":"ATP","is_live":true,"status":"completed","score":'
        + row
        + b"}"
    )


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (b'{"fixture":{"id":"A"}}', {"is_live": False, "status": "", "sport": "", "league": ""}),
        (b'{"fixture":{"id":"A","status":"live","is_live":null}}', {"is_live": True, "status": "live"}),
        (b'{"fixture":{"id":"A","sport":"golf"},"league":"PGA"}', {"sport": "golf", "league": "PGA"}),
        (
            b'{"fixture":{"id":"A"},"player_results":[{"player":{"id":"P"}}]}',
            {"player_results": [{"player": {"id": "P"}}]},
        ),
    ],
)
def test_what_is_missing_stays_unknown(row: bytes, wanted: dict[str, Any]) -> None:
    fixture_id, value = result_value(msgspec.Raw(row))
    assert fixture_id == "A"
    assert wanted.items() <= json.loads(value).items()
    assert ("player_results" in json.loads(value)) == ("player_results" in wanted)


@pytest.mark.parametrize("row", [b"{}", b"[]", b'{"fixture":null}', b'{"fixture":{"id":4}}', b'{"fixture":{"id":""}}'])
def test_a_row_that_names_no_fixture_is_none(row: bytes) -> None:
    assert result_value(msgspec.Raw(row))[0] == ""


async def test_many_fixtures_are_asked_for_in_groups_and_cancelled_ones_too(simulate: Simulate) -> None:
    sim = await simulate(rate=500, results_rate=4000, life=8, fixtures=20)
    async with reading(sim, "results") as reader:
        await reader.until(
            lambda: sum(f.body["data"].get("status") in {"completed", "cancelled"} for f in reader.entries) > 8
        )
    await sim.control.pause()
    async with client(sim) as rest:
        results = Results(rest, RESULTS)
        ids = [*await results.active(), "no-such-fixture"]
        over = {i for sport in ("basketball",) for i in await _over(sim, sport)}
        assert over
        async with aclosing(results.results([*ids, *over, *ids])) as found:
            values = {i: json.loads(value) async for i, value in found}
        assert set(values) == {*ids[:-1], *over}
        assert results.requests == 1 + -(-len({*ids, *over}) // 25)
    for request in await requests(sim, "/fixtures/results"):
        *asked, last = request["params"]
        assert 1 <= len(asked) <= 25
        assert {name for name, _ in asked} == {"fixture_id"}
        assert last == ["include_cancelled", "true"]


async def _over(sim: Simulator, sport: str) -> list[str]:
    async with client(sim) as rest:
        pages = rest.pages("/fixtures", [("sport", sport), ("status", "completed"), ("status", "cancelled")])
        return [row["id"] async for page in pages for row in page]


async def test_strangers_in_an_answer_are_left_out(upstream: Upstream) -> None:
    upstream.says("200 OK", b'{"data":[{"fixture":{"id":"A"}},{"fixture":{"id":"B"}},{}]}')
    async with Rest(upstream.url, lambda: "demo-key") as rest:
        assert set(await told(rest, ["A", "C"])) == {"A"}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "rest-refuse", "status": 500}, NotAStream),
        ({"kind": "rest-refuse", "status": 429, "retry_after": "300"}, RateLimited),
        ({"kind": "rest-tear"}, Disconnected),
        ({"kind": "rest-slow", "seconds": 600}, Disconnected),
        ({"kind": "rest-slow", "seconds": 600, "inside": True}, Disconnected),
        ({"kind": "unlicensed"}, Refused),
        *[({"kind": "rest-malformed", "nth": n}, UpstreamError) for n in range(MALFORMED)],
    ],
)
async def test_trouble_is_told(simulate: Simulate, fault: dict[str, Any], kind: type[UpstreamError]) -> None:
    sim = await simulate()
    timeout_s = 1.0 if "seconds" in fault else 20.0
    async with client(sim) as rest, client(sim, timeout_s=timeout_s) as impatient:
        ids = list(await Results(rest, RESULTS).active())
        for _ in range(fault.pop("nth", 0)):
            await sim.control.fault("rest-malformed", path="/sports", times=1)
            with pytest.raises(UpstreamError):
                await rest.get("/sports", type=dict[str, list[dict[str, str]]])
        await sim.control.fault(**fault, path="/fixtures/results", times=1)
        with pytest.raises(kind):
            await told(impatient, ids)


async def test_an_empty_answer_and_a_short_wait(simulate: Simulate) -> None:
    sim = await simulate()
    async with client(sim) as rest:
        ids = list(await Results(rest, RESULTS).active())
        await sim.control.fault("empty", path="/fixtures/results", times=1)
        assert await told(rest, ids) == {}
        await sim.control.fault("rest-refuse", path="/fixtures/results", status=429, retry_after="1", times=1)
        assert set(await told(rest, ids)) == set(ids)
