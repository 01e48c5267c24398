"""What upstream knows now of scores: values as the results stream would have sent them."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from functools import partial
from typing import Any, Final

import msgspec

from bridge.errors import UpstreamError
from bridge.upstream.abreast import abreast, groups
from bridge.upstream.fixtures import Told, fixture_row
from bridge.upstream.listing import Listing

MAX_RESULTS: Final = 25
"""Fixture ids in one question for results. Observed: 25 to 50 are taken."""


class _Result(msgspec.Struct):
    fixture: Told
    sport: Any = None
    league: Any = None
    player_results: msgspec.Raw = msgspec.Raw()


_result = msgspec.json.Decoder(_Result)


class Results(Listing):
    """Asks for the results of a stream's fixtures.

    Args:
        rest: Asks the questions.
        stream: The settings of a stream of the results feed.
    """

    async def results(self, ids: Iterable[str]) -> AsyncGenerator[tuple[str, bytes], None]:
        """Id and value of each of these fixtures that upstream has a result for, in no order.

        Close it (`contextlib.aclosing`) where it may be left early.

        Raises:
            UpstreamError: A question failed; the others have ended then, and what came before it holds.
        """
        asks = (partial(self._told, group) for group in groups(ids, MAX_RESULTS))
        async with aclosing(abreast(asks)) as answers:
            async for found in answers:
                for fixture_id, value in found.items():
                    yield fixture_id, value

    async def _told(self, ids: tuple[str, ...]) -> dict[str, bytes]:
        # Left out unless it is asked for: that a fixture was cancelled is a result.
        params = [*(("fixture_id", i) for i in ids), ("include_cancelled", "true")]
        found: dict[str, bytes] = {}
        async for page in self._rest.pages("/fixtures/results", params, type=msgspec.Raw):
            self.requests += 1
            try:
                values = [result_value(raw) for raw in page]
            except ValueError:
                values = None
            if values is None:
                raise UpstreamError("upstream's results aren't JSON in UTF-8", reason="body")
            found |= {fixture_id: value for fixture_id, value in values if fixture_id in ids}
        return found


def result_value(raw: msgspec.Raw) -> tuple[str, bytes]:
    """The fixture's id and the data of a `fixture-results` event, made of a row of `/fixtures/results`.

    The row is the event's `score`, and stays upstream's own bytes. Results of players are elsewhere upstream: they are
    absent, not empty, unless the row has them. An id of "" means that the row names no fixture.

    Raises:
        ValueError: The row isn't JSON.
    """
    try:
        told = _result.decode(raw)
    except msgspec.ValidationError:
        return "", b""
    told.fixture.sport = told.sport or told.fixture.sport
    told.fixture.league = told.league or told.fixture.league
    row = fixture_row(told.fixture)
    if row is None:
        return "", b""
    is_live = row.status == "live" if row.is_live is None else row.is_live
    fields: dict[str, Any] = {
        "fixture_id": row.id,
        "sport": row.sport,
        "league": row.league,
        "is_live": is_live,
        "status": row.status,
        "score": raw,
    }
    if bytes(told.player_results) not in {b"", b"null"}:
        fields["player_results"] = told.player_results
    return row.id, msgspec.json.encode(fields)
