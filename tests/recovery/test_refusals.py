"""Records that the broker doesn't take: only they become dead letters, whether the bridge knows the limit or not."""

import json
import random
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.control import SimulatorControl
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.support.bridge import Bridge, toml
from tests.support.oracle import assert_ordered, assert_same, emitted, published
from tests.support.reader import read
from tests.support.topics import alter, make
from tests.support.upstream import all_read, assert_one_connect
from tests.support.waiting import until

pytestmark = pytest.mark.kafka

NBA = {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings", "FanDuel"]}
FIRST, LIMIT, LETTERS = 200_000, 20_000, 100_000
"""What the topic takes from the start and after it was lowered, and what the topic of dead letters takes; bytes."""
SIZES = [300, 60_000, 5_000, 300, 30_000, 300, 25_000, 15_000, 300, 300]
"""Of the odds in one entry, bytes."""
TOO_LARGE = 28_000
"""What is larger is over the limit when it is compressed, too: base64 of noise becomes a quarter smaller."""


def odds(name: str, sizes: list[int]) -> dict[str, bytes]:
    """Odds of about these sizes, full of noise, by their ids."""
    noise = random.Random(name)
    return {
        f"{name}:{n}": orjson.dumps({"id": f"{name}:{n}", "noise": b64encode(noise.randbytes(size * 3 // 4)).decode()})
        for n, size in enumerate(sizes)
    }


async def emit(control: SimulatorControl, values: dict[str, bytes]) -> None:
    data = b'{"data":[%b],"entry_id":"@entry_id@","type":"odds"}' % b",".join(values.values())
    await control.emit("odds", data)


@pytest.mark.parametrize("knows", [True, False], ids=["limit-known", "limit-unknown"])
async def test_only_what_the_broker_refuses_becomes_a_dead_letter(
    own: EmbeddedKafka, unique: str, tmp_path: Path, *, knows: bool
) -> None:
    faults = {"FAULTS": json.dumps({"faults": [], "timeout_ms": 10_000, "blind": not knows})}
    if knows:
        await make(own.bootstrap_servers, f"{unique}.odds", 3, {"max.message.bytes": str(FIRST)})
        await make(own.bootstrap_servers, f"{unique}.dead-letters", 4, {"max.message.bytes": str(LETTERS)})
    async with Simulator(SimulatorOptions(rate=300.0, replay="none")) as simulator:
        config = toml(simulator.base_url, own.bootstrap_servers, unique, [NBA])
        async with Bridge(tmp_path, config, module="tests.support.faulty", environment=faults) as bridge:
            await bridge.start()
            control = simulator.control
            huge = odds("huge", [300_000, 300]) if knows else odds("huge", [300])
            await emit(control, huge)
            before = odds("before", SIZES)
            await emit(control, before)

            async def dead() -> float:
                return await bridge.sum("oddsbridge_dead_letters_total")

            await until(dead, lambda n: n == (1 if knows else 0), within=30, what="the huge odd in dead letters")
            await all_read(control, bridge)
            await until(
                lambda: bridge.sum("oddsbridge_buffer_bytes"), lambda n: n == 0, within=30, what="all committed"
            )
            assert await bridge.sum("oddsbridge_recoveries_total") == 0, "what is known to be too large costs no try"
            await alter(own.bootstrap_servers, f"{unique}.odds", max_message_bytes=str(LIMIT))
            after = odds("after", SIZES) | odds("more", SIZES)
            await emit(control, after)
            await control.resume()
            await until(dead, lambda n: n == (5 if knows else 4), within=60, what="the culprits in dead letters")
            await all_read(control, bridge)
            await until(
                lambda: bridge.sum("oddsbridge_buffer_bytes"), lambda n: n == 0, within=30, what="all committed"
            )
            assert await bridge.sum("oddsbridge_recoveries_total", 'reason="records-refused"') >= 1
            await assert_one_connect(control, bridge)
            assert await bridge.stop() == 0
        logs = await control.logs()
    letters = [
        orjson.loads(r.value) | {"headers": r.headers}
        for r in await read(own.bootstrap_servers, f"{unique}.", topics=["dead-letters"])
    ]
    culprits = {key: value for key, value in (huge | after).items() if len(value) > TOO_LARGE}
    assert sorted(letter["key"] for letter in letters) == sorted(culprits)
    for letter in letters:
        value = culprits[letter["key"]]
        assert letter["size"] == len(value)
        assert letter["topic"] == f"{unique}.odds"
        assert letter["stream"] == letter["headers"]["stream"] == "nba"
        assert letter["entry_id"] == letter["headers"]["entry_id"]
        cut = len(value) > LETTERS
        assert letter["truncated"] is cut
        assert value.decode().startswith(letter["payload"])
        assert len(letter["payload"]) > LETTERS // 2 if cut else letter["payload"].encode() == value
        assert letter["reason"] == ("too-large" if knows else "refused")
        assert letter["detail"]
    hidden = {sha256(value).hexdigest() for value in culprits.values()}
    expected = emitted(logs)
    for fact in [fact for fact in expected if fact[3] in hidden]:
        del expected[fact]
    records = await read(own.bootstrap_servers, f"{unique}.")
    assert_same(expected, published(records))
    assert_ordered(records)
