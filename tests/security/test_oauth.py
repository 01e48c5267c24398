"""OAUTHBEARER: tokens by client credentials, and a real broker that takes them."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiokafka.errors import AuthenticationFailedError, KafkaConnectionError

from bridge.errors import ConfigError, KafkaFailure, Unpublishable
from bridge.kafka import oauth
from bridge.kafka.cluster import Cluster
from bridge.kafka.oauth import ClientCredentials
from tests.security.scene import access
from tests.support.certificates import Authority
from tests.support.clock import Clock
from tests.support.secure_kafka import SecureKafka
from tests.support.token_server import TokenServer, unsigned

SECRET = "a+client/secret=&%"


@pytest.fixture
async def server() -> AsyncIterator[TokenServer]:
    async with TokenServer(SECRET) as running:
        yield running


def client(
    server: TokenServer, clock: Callable[[], float], secret: Callable[[], str] = lambda: SECRET
) -> ClientCredentials:
    return ClientCredentials(server.url, "the bridge", secret, scope="kafka more", clock=clock)


async def test_a_token_is_asked_for_as_the_rfc_says_and_kept(server: TokenServer) -> None:
    clock = Clock()
    tokens = client(server, clock)
    first = await tokens.token()
    assert first == server.issued[0]
    form, (login, password, _) = server.asked[0]
    assert form == {"grant_type": "client_credentials", "scope": "kafka more"}
    assert (login, password) == ("the+bridge", "a%2Bclient%2Fsecret%3D%26%25")
    clock.now += 3600 - oauth.MARGIN_S - 1
    assert await tokens.token() == first
    assert len(server.asked) == 1
    clock.now += 1
    await tokens.token()
    assert len(server.asked) == 2


async def test_a_short_lived_token_is_kept_for_four_fifths_of_its_life(server: TokenServer) -> None:
    clock = Clock()
    tokens = client(server, clock)
    server.life_s = 10
    await tokens.token()
    clock.now += 7.9
    await tokens.token()
    assert len(server.asked) == 1
    clock.now += 0.2
    await tokens.token()
    assert len(server.asked) == 2


async def test_who_doesnt_tell_the_life_is_believed_by_the_token_itself_or_for_a_short_while(
    server: TokenServer,
) -> None:
    clock = Clock()
    tokens = client(server, clock)
    server.tells_life = False
    server.life_s = 1000
    await tokens.token()
    clock.now += 900
    await tokens.token()
    assert len(server.asked) == 1
    clock.now += 100
    server.answer = (200, '{"access_token": "opaque"}', {})
    assert await tokens.token() == "opaque"
    clock.now += oauth.UNKNOWN_LIFE_S - 13
    assert await tokens.token() == "opaque"
    assert len(server.asked) == 2
    clock.now += 13
    await tokens.token()
    assert len(server.asked) == 3


async def test_all_connections_share_one_request(server: TokenServer) -> None:
    tokens = client(server, Clock())
    assert len({*await asyncio.gather(*(tokens.token() for _ in range(20)))}) == 1
    assert len(server.asked) == 1


async def test_an_outage_is_borne_while_the_last_token_is_good(server: TokenServer) -> None:
    clock = Clock()
    tokens = client(server, clock)
    first = await tokens.token()
    clock.now += 3590
    server.answer = (503, "", {})
    assert await tokens.token() == first
    clock.now += 11
    with pytest.raises(KafkaConnectionError, match="the token URL answers 503"):
        await tokens.token()
    server.answer = None
    assert await tokens.token() == server.issued[-1]


async def test_a_hanging_server_costs_a_bounded_time(server: TokenServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oauth, "FETCH_S", 0.2)
    server.may_answer.clear()
    with pytest.raises(KafkaConnectionError, match=r"didn't answer within 0\.2 s"):
        await client(server, Clock()).token()
    server.may_answer.set()


async def test_a_refusal_says_the_servers_reason(server: TokenServer) -> None:
    with pytest.raises(AuthenticationFailedError, match="refuses with 401: invalid_client who") as caught:
        await client(server, Clock(), lambda: "not the secret").token()
    assert "not the secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((302, "", {"Location": "/token"}), "refuses with 302"),
        ((200, "<html>", {}), "without an access_token"),
        ((200, "[1]", {}), "without an access_token"),
        ((200, '{"access_token": ""}', {}), "without an access_token"),
        ((200, '{"access_token": "a\\u0001auth=b"}', {}), "without an access_token"),
        ((200, "x" * (oauth.MAX_ANSWER + 1), {}), "more than 262144 bytes"),
        ((400, '{"error": 7, "error_description": null, "client_secret": "s3cret"}', {}), "refuses with 400$"),
    ],
)
async def test_what_is_no_token_isnt_taken_for_one(
    server: TokenServer, answer: tuple[int, str, dict[str, str]], told: str
) -> None:
    server.answer = answer
    with pytest.raises(AuthenticationFailedError, match=told):
        await client(server, Clock()).token()
    assert len(server.asked) == 1, "a redirect isn't followed"


async def test_a_secret_that_is_echoed_stays_hidden(locked: SecureKafka, tmp_path: Path, server: TokenServer) -> None:
    server.answer = (401, '{"error": "bad secret: hunter2-of-the-tests"}', {})
    file = tmp_path / "secret"
    file.write_text("hunter2-of-the-tests\n")
    one = access(
        locked.sasl_ssl,
        token_url=server.url,
        client_id="bridge",
        client_secret_file=file,
        ca_file=locked.authority.certificate,
    )
    with pytest.raises(KafkaFailure) as caught:
        await Cluster(one.options("admin")).names()
    assert "refuses with 401: bad secret: ***" in str(caught.value)
    assert isinstance(caught.value, Unpublishable)


@pytest.mark.kafka
async def test_a_broker_takes_the_token(locked: SecureKafka, tmp_path: Path) -> None:
    certificate, key = locked.authority.issue("token-server", hosts=("127.0.0.1",))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    file = tmp_path / "secret"
    file.write_text("the old secret")
    async with TokenServer(SECRET, tls=tls) as server:
        one = access(
            locked.sasl_ssl,
            token_url=server.url,
            client_id="bridge",
            client_secret_file=file,
            scope="kafka",
            ca_file=locked.authority.certificate,
        )
        cluster = Cluster(one.options("admin"))
        with pytest.raises(Unpublishable, match="the token URL refuses with 401: invalid_client"):
            await cluster.names()
        file.write_text(SECRET)  # read again for each token
        await cluster.names()
        await cluster.names()
        assert len(server.issued) == 1
    certificates = Authority(tmp_path, "somebody-else")
    foreign = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    foreign.load_cert_chain(*certificates.issue("token-server", hosts=("127.0.0.1",)))
    async with TokenServer(SECRET, tls=foreign) as impostor:
        one = access(
            locked.sasl_ssl,
            token_url=impostor.url,
            client_id="bridge",
            client_secret=SECRET,
            ca_file=locked.authority.certificate,
        )
        with pytest.raises(KafkaFailure, match="the token URL can't be reached: ClientConnectorCertificateError"):
            await Cluster(one.options("admin")).names()
        assert not impostor.asked, "the secret isn't told to strangers"


@pytest.mark.kafka
async def test_a_broker_that_refuses_the_token(locked: SecureKafka, server: TokenServer) -> None:
    server.answer = (200, json.dumps({"access_token": unsigned("bridge", -60.0), "expires_in": 60}), {})
    one = access(
        locked.sasl_ssl,
        token_url=server.url,
        client_id="bridge",
        client_secret=SECRET,
        ca_file=locked.authority.certificate,
    )
    with pytest.raises(Unpublishable, match="the broker refuses the token"):
        await Cluster(one.options("admin")).names()


async def test_a_secret_file_that_is_gone_is_told(server: TokenServer, tmp_path: Path) -> None:
    def gone() -> str:
        raise ConfigError("kafka.security.client_secret_file: it can't be read")

    with pytest.raises(AuthenticationFailedError, match="client_secret_file: it can't be read"):
        await client(server, Clock(), gone).token()
