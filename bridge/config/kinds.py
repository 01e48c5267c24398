"""The kinds of values that settings have: what each accepts, and the sentence that says so when it doesn't.

A setting's error is a `PydanticCustomError` made by `wrong`, so that every message carries its own fix.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

Delivery = Literal["exactly-once", "at-least-once"]
Healing = Literal["reconcile", "announce"]
Compression = Literal["none", "zstd", "lz4", "gzip", "snappy"]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "console", "json"]
Feed = Literal["odds", "results", "copilot"]
OddsFormat = Literal["AMERICAN", "DECIMAL", "PROBABILITY", "MALAY", "HONG_KONG", "INDONESIAN"]

MAX_TOPIC = 249
"""Kafka's limit on a topic's name, in characters."""

_LEGAL = re.compile(r"[a-zA-Z0-9._-]*")
_STREAM_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_SPORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.%a-z]+\]")
_KAFKAS_OWN = frozenset({"__consumer_offsets", "__transaction_state", "__cluster_metadata", "__share_group_state"})


def wrong(message: str, hint: str = "") -> PydanticCustomError:
    """An error of a setting's value; `message` says what is wrong with it, `hint` what to write instead."""
    return PydanticCustomError("setting", "{message}", {"message": message, "hint": hint})


def _not_a_flag(value: Any) -> Any:
    # For Python (and so for pydantic) true is the number 1; nobody who writes `shards = true` means one shard.
    if isinstance(value, bool):
        raise wrong("must be a number, not true or false")
    return value


def _only_a_flag(value: Any) -> Any:
    if isinstance(value, str) and value.lower() in {"true", "false"}:  # environment variables are text
        return value.lower() == "true"
    if value is None or isinstance(value, bool):
        return value
    raise wrong("must be true or false", "write true or false, without quotes")


def _one_line(value: str) -> str:
    if not value.strip():
        raise wrong("must not be empty")
    if not value.isprintable():
        raise wrong("holds a control character, such as a line break")
    if value != value.strip():
        raise wrong("begins or ends with a space", f"write {value.strip()!r}")
    return value


def _a_list(value: Any) -> Any:
    if isinstance(value, str):
        raise wrong("must be a list", f'write ["{value}"]')
    return value


def _listed_once(value: list[str]) -> list[str]:
    if not value:
        raise wrong("must not be an empty list", "leave the setting out to take everything")
    seen: dict[str, str] = {}
    for item in value:
        before = seen.setdefault(folded(item), item)
        if before is not item:
            raise wrong(f"names {item!r} twice" + (f" (once as {before!r})" if before != item else ""), "list it once")
    return value


def folded(item: str) -> str:
    """How filter values are compared: upstream takes a book's name and its id alike (`Bet Rivers`, `bet_rivers`)."""
    return re.sub(r"[\s_]", "", item).casefold()


def _matching(pattern: re.Pattern[str], message: str, hint: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise wrong(message, hint)
        return value

    return check


def _topic_name(value: str) -> str:
    if not value:
        raise wrong("must not be empty", "leave the setting out for the default name")
    if problem := illegal_topic(value):
        raise wrong(*problem)
    return value


def illegal_topic(name: str) -> tuple[str, str] | None:
    """Why Kafka would refuse `name` for a topic, and the fix; None when it is legal."""
    if len(name) > MAX_TOPIC:
        return f"is {len(name)} characters long; a topic's name has at most {MAX_TOPIC}", "choose a shorter name"
    if not _LEGAL.fullmatch(name):
        return "isn't a legal topic name", "use only letters, digits, '.', '_' and '-'"
    if name in {".", ".."}:
        return "isn't a legal topic name: Kafka forbids '.' and '..'", "choose another name"
    if name in _KAFKAS_OWN:
        return "is a topic of Kafka's own", "choose another name"
    return None


def _base_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises on a port that isn't one
    except ValueError:
        raise wrong("isn't a URL", 'write "https://api.opticodds.com/api/v3"') from None
    if problem := _url_problem(value, parts):
        raise problem
    return value.rstrip("/")


def _url_problem(value: str, parts: SplitResult) -> PydanticCustomError | None:
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return wrong("must be an http or https URL", 'write "https://api.opticodds.com/api/v3"')
    if parts.username is not None or parts.password is not None:
        return wrong("holds a user name or password", "give the key by ODDSBRIDGE_UPSTREAM__API_KEY or api_key_file")
    if "?" in value or "#" in value:
        return wrong(
            "must end with its path, without '?' or '#'",
            "drop what follows; the key goes into ODDSBRIDGE_UPSTREAM__API_KEY or api_key_file",
        )
    if not value.isascii() or not value.isprintable() or " " in value:
        return wrong("holds a character that a URL can't have", "percent-encode it")
    return None


def _servers(value: str) -> str:
    for server in (part.strip() for part in value.split(",")):
        if "://" in server:
            raise wrong("must be host:port, without a scheme", f'write "{server.split("://", 1)[1]}"')
        if host_port(server) is None:
            raise wrong(
                f"{server!r} isn't host:port" if server else "has an empty place between its commas",
                'write "localhost:9092", or several with commas between',
            )
    return value


class Address(NamedTuple):
    """Where to listen: `host` is None for all interfaces, `port` 0 for any free port."""

    host: str | None
    port: int


def host_port(text: str) -> Address | None:
    """`text` as "host:port", ":port", "[v6]:port"; None when it is none of these."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or len(port) > 5 or int(port) > 65535:
        return None
    if host and not _HOST.fullmatch(host):
        return None
    return Address(host.strip("[]") or None, int(port))


def _listen(value: str) -> str:
    if host_port(value) is None:
        raise wrong("isn't an address to listen on", 'write "127.0.0.1:9464", ":9464" or "[::1]:9464"')
    return value


def _named_servers(value: str) -> str:
    _servers(value)
    if any(part.strip().startswith(":") or part.strip().endswith(":0") for part in value.split(",")):
        raise wrong("names no host, or port 0", 'write "localhost:9092", or several with commas between')
    return value


def unusable_key(key: str) -> str:
    """Why `key` can't be sent as a header's value ("" when it can), in words that don't show it."""
    if not key:
        return "is empty"
    if not key.isascii():
        return "holds a character that isn't ASCII"
    if not key.isprintable():
        return "holds a control character, such as a line break"
    if " " in key:
        return "holds a space"
    return ""


Text = Annotated[str, AfterValidator(_one_line)]
EntryIdText = Annotated[
    str,
    AfterValidator(
        _matching(
            re.compile(r"[0-9]{1,20}-[0-9]{1,20}"), "isn't an entry id", "write it as <ms>-<seq>, as upstream does"
        )
    ),
]
Flag = Annotated[bool, BeforeValidator(_only_a_flag)]
Whole = Annotated[int, BeforeValidator(_not_a_flag)]
Seconds = Annotated[float, BeforeValidator(_not_a_flag), Field(allow_inf_nan=False)]
Texts = Annotated[list[Text], BeforeValidator(_a_list), AfterValidator(_listed_once)]
TopicName = Annotated[str, AfterValidator(_topic_name)]
TopicPrefix = Annotated[
    str, AfterValidator(_matching(_LEGAL, "isn't a legal topic prefix", "use only letters, digits, '.', '_' and '-'"))
]
Group = Annotated[
    str,
    AfterValidator(
        _matching(re.compile(r"[a-zA-Z0-9._-]{1,200}"), "isn't a legal name", "use only letters, digits, '.', '_', '-'")
    ),
]
StreamName = Annotated[
    str,
    AfterValidator(
        _matching(
            _STREAM_NAME,
            "isn't a legal stream name",
            "use 1 to 100 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit",
        )
    ),
]
Sport = Annotated[
    str,
    AfterValidator(_matching(_SPORT, "isn't a sport as upstream writes it", 'write for example "basketball"')),
]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Servers = Annotated[str, AfterValidator(_named_servers)]
Listen = Annotated[str, AfterValidator(_listen)]
