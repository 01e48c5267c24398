"""What is allowed but deserves a word before it runs."""

from bridge.config.settings import Settings
from bridge.config.streams import RECOMMENDED_LEAGUES, StreamSettings

PING_INTERVAL_S = 5.0
"""How often upstream pings."""


def warnings(settings: Settings) -> list[str]:
    """One sentence for each setting that is legal and unwise: where, why, and what to do."""
    found = []
    if settings.key_in_file:
        found.append(
            "upstream.api_key stands in the configuration file: files are copied and committed. Better give it by "
            "ODDSBRIDGE_UPSTREAM__API_KEY, or in a file of its own named by api_key_file"
        )
    found += _of_security(settings)
    if settings.upstream.silence_s <= PING_INTERVAL_S:
        found.append(
            f"upstream.silence_s = {settings.upstream.silence_s:g}: upstream pings every {PING_INTERVAL_S:g} s, so a "
            "healthy connection would be taken for a dead one. Use more than twice that; 15 is the default"
        )
    if settings.kafka.transaction_timeout_ms > 60_000:
        found.append(
            f"kafka.transaction_timeout_ms = {settings.kafka.transaction_timeout_ms}: after a kill without a restart "
            "all read_committed readers of these topics wait that long. 10000 is the default"
        )
    for place, stream in enumerate(settings.streams):
        found += [f'streams[{place}] "{stream.name}": {text}' for text in _of_stream(stream)]
    return found


def _of_security(settings: Settings) -> list[str]:
    security = settings.kafka.security
    found = [
        f"kafka.security.{name} stands in the configuration file: files are copied and committed. Better give it by "
        f"ODDSBRIDGE_KAFKA__SECURITY__{name.upper()}, or in a file of its own named by {name}_file"
        for name in settings.passwords_in_file
    ]
    if security.security_protocol == "SASL_PLAINTEXT":
        what = {"PLAIN": "the password itself", "OAUTHBEARER": "the token itself"}.get(security.sasl_mechanism or "")
        found.append(
            f'kafka.security.protocol = "SASL_PLAINTEXT": {what or "all data"} goes over the network in the clear. '
            'Use "SASL_SSL" where the brokers offer it'
        )
    return found


def _of_stream(stream: StreamSettings) -> list[str]:
    found = []
    if stream.league is not None and len(stream.league) > RECOMMENDED_LEAGUES:
        found.append(
            f"{len(stream.league)} leagues on one connection; upstream recommends {RECOMMENDED_LEAGUES} at most. "
            "Split the stream by league"
        )
    if stream.is_main is not None:
        found.append(
            f"is_main = {str(stream.is_main).lower()} hides half of each move: when the main line moves, upstream "
            "reports new is_main values and no locked-odds, so an odd that left the filter looks open for ever. "
            "Leave is_main out and filter where you read"
        )
    if stream.feed in {"odds", "copilot"} and stream.include_fixture_updates is False:
        found.append("include_fixture_updates = false: nobody learns that a fixture is over. Leave it out")
    return found
