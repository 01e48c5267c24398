"""The key is in nothing that the process lets out, whatever upstream does with it."""

import base64
import html
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bridge.cli import main
from bridge.demo.kafka import EmbeddedKafka
from tests.support.bridge import Bridge, toml
from tests.support.waiting import until
from tests.upstream.wire import STREAM, Upstream, Wire
from tests.upstream_faults.leaks import assert_no_leak, everything
from tests.upstream_faults.scene import HOSTILE_KEY, LAUNCHER, odds, other, scene

QUOTED = quote(HOSTILE_KEY, safe="")
ECHOES = {
    "/odds/basketball": ("401 No", "", json.dumps({"error": f"Invalid or inactive API key {HOSTILE_KEY}"})),
    "/odds/football": ("403 No", "", json.dumps({"message": "no licence", "key": HOSTILE_KEY})),
    "/odds/baseball": ("400 No", "Content-Type: text/html", f"<p>{html.escape(HOSTILE_KEY)} is bad</p>"),
    "/odds/soccer": ("302 Found", f"Location: http://127.0.0.1:1/for/{QUOTED}/x?key={QUOTED}", ""),
    "/odds/tennis": ("200 OK", "Content-Type: text/html", base64.b64encode(HOSTILE_KEY.encode()).decode()),
    "/odds/politics": ("503 No", "", re.sub("%..", lambda code: code[0].lower(), f"key={QUOTED}")),
    "/results/basketball": ("500 No", "", f"{'x' * 2035} {HOSTILE_KEY}"),
    "/results/football": ("200 OK", f"Content-Type: text/{HOSTILE_KEY}", ""),
    "/results/soccer": (HOSTILE_KEY, "", ""),
}
"""What each stream is answered: the status line's end, a header, a body."""

GOOD = "/results/tennis"
STREAMS = [
    odds("basketball", "basketball"),
    odds("football", "football"),
    odds("baseball", "baseball"),
    odds("soccer", "soccer"),
    odds("tennis", "tennis"),
    odds("politics", "politics"),
    other("r-basketball", "results", "basketball"),
    other("r-football", "results", "football"),
    other("r-soccer", "results", "soccer"),
    other("good", "results", "tennis"),
]
STATES = {"basketball": "refused", "football": "refused", "baseball": "refused"}


async def test_upstream_sends_the_key_back(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    """At level debug, with all libraries; one stream works and crashes with the key in the exception's text."""
    async with Upstream() as upstream:

        async def answer(wire: Wire) -> None:
            path = upstream.requests[-1].split(" ")[1].split("?")[0].removeprefix("/stream")
            if path == GOOD:
                await wire.send(STREAM)
                for n in range(3):
                    fixture = b'{"data":{"fixture_id":"f%d"},"entry_id":"17000000000%02d-0"}' % (n, n)
                    await wire.chunk(b"event: fixture-results\nid: 1-%d\ndata: %b\n\n" % (n, fixture))
                await wire.gone()
                return
            status, header, body = ECHOES[path]
            head = (
                f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{header}{chr(13) + chr(10) if header else ''}\r\n"
            )
            await wire.send(head.encode() + body.encode())

        upstream.answer = answer
        config = toml(upstream.url, kafka.bootstrap_servers, unique, STREAMS, log={"level": "debug"})
        environment = {"ODDSBRIDGE_UPSTREAM__API_KEY": HOSTILE_KEY, "TEST_CRASH": json.dumps({"good": [3, 6, 9, 12]})}
        async with Bridge(tmp_path, config, environment=environment, module=LAUNCHER) as bridge:
            await bridge.start(ready=False)
            pages: list[str] = []

            async def look() -> dict[str, Any]:
                pages.extend([await bridge.get("/readyz"), await bridge.get("/")])
                streams: dict[str, Any] = (await bridge.ready()).get("streams", {})
                return streams

            def all_told(streams: dict[str, Any]) -> bool:
                told = [s for s in streams.values() if "next try" in s["why"]]
                return len(told) >= len(STREAMS) - 1 and any("crashed" in page for page in pages)

            streams = await until(look, all_told, within=45, what="every stream's trouble")
            await bridge.sum("oddsbridge_stream_crashes_total")
            pages.append(await bridge.get("/metrics"))
            for path, (status, *_) in ECHOES.items():
                asked = sum(path + "?" in request or path + " " in request for request in upstream.requests)
                if status[:3] in {"400", "401", "403"}:  # not hammered: once, and again in some minutes
                    why = streams[path.rsplit("/", 1)[1]]["why"]
                    assert asked == 1, path
                    assert 180 <= float(why.rsplit("next try in ", 1)[1].split()[0]) <= 300
            assert await bridge.stop() == 0
            levels = {line.get("level") for line in bridge.lines()}
            assert levels >= {"debug", "info", "warning", "error"}
            assert_no_leak(await everything(bridge, pages, kafka.bootstrap_servers, f"{unique}."), HOSTILE_KEY)
    text = bridge.text
    assert "Traceback" in text
    assert "Invalid or inactive API key [key]" in text
    assert all(f"GET /stream{path}" in "".join(upstream.requests) for path in ECHOES), "not every answer was given"


async def test_a_key_is_rotated_in_its_file(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    """The new one is used at the next connect, and nobody has to connect for it; an old one is refused until mended."""
    keys = [HOSTILE_KEY, f"{HOSTILE_KEY}-two", "three-Ab0:{}%2F"]
    file = tmp_path / "key"
    file.write_text(keys[0] + "\n")
    streams = [odds("rotated", "basketball"), other("steady", "copilot", "tennis")]
    faster = {"TEST_SET": json.dumps({"bridge.backoff.REFUSED_S": [1.0, 1.5]})}
    async with scene(
        kafka, unique, tmp_path, streams, key_file=file, environment=faster, log={"level": "debug"}
    ) as running:
        await running.until_flowing(5)
        await running.control.settings(key=keys[1])
        file.write_text(keys[1])
        await running.fault("rotated", "eof")
        await running.until_count(2, "oddsbridge_connects_total", "rotated")
        assert await running.count("oddsbridge_refusals_total", "rotated") == 0
        await running.control.settings(key=keys[2])
        await running.fault("rotated", "eof")
        await running.until_count(1, "oddsbridge_refusals_total", "rotated", 'reason="401"')
        running.pages.append(await running.bridge.get("/readyz"))
        file.write_text(keys[2])
        await running.until_count(3, "oddsbridge_connects_total", "rotated")
        await running.until_flowing(3)
        outcome = await running.finish()
        assert_no_leak(await running.everything(), *keys)
    for name in ("rotated", "steady"):
        outcome.assert_complete(name)
    assert [row["status"] for row in outcome.connects["steady"]] == [200]
    statuses = [row["status"] for row in outcome.connects["rotated"]]
    assert statuses[:3] == [200, 200, 401]
    assert statuses[-1] == 200
    assert {row["key_in"] for name in ("rotated", "steady") for row in outcome.connects[name]} == {"header"}


KEY = "s3cr3t-%41&x/+="
GOOD_REST = (
    '[kafka]\nbootstrap_servers = "localhost:9092"\n[[streams]]\nname = "a"\nfeed = "results"\nsport = "tennis"\n'
)


@pytest.mark.parametrize(
    "upstream",
    [
        f'api_kye = "{KEY}"',
        f'api_key = ["{KEY}"]',
        f'api_key = {{ value = "{KEY}" }}',
        f'api_key = "{KEY} {KEY}"',
        f'api_key = "{KEY}',
        f"api_key = {KEY}",
        f'api_key = "{KEY}"\napi_key_file = "key"',
        f'api_key = "{KEY}"\nsilence_s = "x"',
        f'api_key = "{KEY}"\napi_key = "{KEY}"',
        f'base_url = "https://api.opticodds.com/api/v3?key={quote(KEY, safe="")}"',
        f'base_url = "https://{quote(KEY, safe="")}@api.opticodds.com/api/v3"',
        f'X-Api-Key = "{KEY}"',
    ],
)
def test_a_wrong_configuration_is_told_without_the_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], upstream: str
) -> None:
    file = tmp_path / "oddsbridge.toml"
    file.write_text(f"[upstream]\n{upstream}\n{GOOD_REST}")
    assert main(["run", "-c", str(file)]) == 2
    told = "".join(capsys.readouterr())
    assert_no_leak({"output": told}, KEY)
