from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.config import Settings, load
from bridge.errors import ConfigError

from .conftest import BASE, KEY, NBA, Files

OnlyError = Callable[..., str]
EXAMPLE = Path(__file__).parents[2] / "deploy" / "oddsbridge.example.toml"


def test_the_shape_of_the_issue_loads_with_its_defaults(files: Files) -> None:
    settings = files.load(
        """
[upstream]
base_url = "https://api.opticodds.com/api/v3"   # the key: ODDSBRIDGE_UPSTREAM__API_KEY or api_key_file
[kafka]
bootstrap_servers = "localhost:9092"
topic_prefix = "opticodds."
[admin]
listen = "127.0.0.1:9464"
[[streams]]
name = "nba"
feed = "odds"                                   # odds | results | copilot
sport = "basketball"
league = ["NBA"]                                # filters carry the upstream's own parameter names
sportsbook = ["DraftKings", "FanDuel"]
"""
    )
    assert settings.upstream.silence_s == 15
    assert settings.upstream.max_event_bytes == 32 * 2**20
    assert settings.kafka.shards == 4
    assert settings.kafka.partitions == 12
    assert settings.kafka.replication_factor is None
    assert settings.kafka.compression == "zstd"
    assert settings.kafka.transaction_timeout_ms == 10_000
    assert settings.kafka.buffer_bytes == 64 * 2**20
    assert settings.kafka.transactional_id(3) == "opticodds.oddsbridge-3"
    assert settings.admin.address == ("127.0.0.1", 9464)
    assert (settings.log.level, settings.log.format) == ("info", "auto")
    assert settings.process.drain_s == 10
    (stream,) = settings.streams
    assert stream.sportsbook == ["DraftKings", "FanDuel"]
    assert stream.odds_format == "AMERICAN"
    assert stream.include_fixture_updates is True
    assert stream.is_live is None


def test_the_example_has_every_setting_and_loads() -> None:
    settings = load(EXAMPLE, KEY)
    assert len(settings.streams) == 4
    text = EXAMPLE.read_text(encoding="utf-8")
    for section, field in Settings.model_fields.items():
        model = field.annotation
        for name in getattr(model, "model_fields", {}):
            assert f"{name}" in text, f"[{section}] {name} isn't in the example"
    default = Settings(kafka=settings.kafka, streams=settings.streams)
    assert (settings.upstream.base_url, settings.admin, settings.log, settings.process) == (
        default.upstream.base_url,
        default.admin,
        default.log,
        default.process,
    ), "the example shows the defaults"
    assert settings.kafka == type(settings.kafka)(bootstrap_servers="localhost:9092")


def test_settings_are_frozen(files: Files) -> None:
    settings = files.load(BASE + NBA)
    with pytest.raises(ValidationError):
        settings.kafka.shards = 5
    with pytest.raises(ValidationError):
        settings.streams[0].name = "x"


def test_settings_made_directly_ignore_the_environment(monkeypatch: pytest.MonkeyPatch, files: Files) -> None:
    settings = files.load(BASE + NBA)
    monkeypatch.setenv("ODDSBRIDGE_LOG__LEVEL", "debug")
    assert Settings(kafka=settings.kafka, streams=settings.streams).log.level == "info"
    assert load(files.path, need_key=False).log.level == "debug"


def test_all_errors_are_told_at_once_in_the_order_of_the_file(files: Files) -> None:
    lines = files.errors(
        """\
[upstream]
api_kee = "x"
[kafka]
shards = 0
topics = {odds = "a b"}
[[streams]]
name = "nba"
feed = "odds"
sport = "basketball"
league = "NBA"
[[streams]]
name = "nba"
feed = "copilot"
sport = "basketball"
odds_format = "DECIMAL"
""",
        {},
    )
    assert [line.split(" ", 1)[0] for line in lines] == [
        "FILE:1:", "FILE:2:", "FILE:3:", "FILE:4:", "FILE:5:", "FILE:6:", "FILE:10:", "FILE:15:"
    ]  # fmt: skip
    assert lines[0].endswith(
        "upstream: there is no API key — set the environment variable ODDSBRIDGE_UPSTREAM__API_KEY, or api_key_file"
    )
    assert lines[2].endswith('kafka.bootstrap_servers: is missing — add bootstrap_servers = "localhost:9092"')


def test_conflicts_are_told_beside_other_mistakes(files: Files) -> None:
    twice = NBA + NBA.replace('"nba"', '"nba-2"')
    lines = files.errors(BASE + "shards = 0\n" + twice)
    assert len(lines) == 2
    assert "kafka.shards = 0" in lines[0]
    assert 'streams[1] "nba-2": overlaps streams[0] "nba"' in lines[1]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("colour = 1\n", "FILE:1: colour: is unknown here — remove it; docs/configuration.md lists the settings"),
        ("bootstrap_server = 1\n", "FILE:1: bootstrap_server: is unknown here — did you mean [kafka] bootstrap_servers?"),  # noqa: E501
        ("[upstrem]\nx = 1\n", "FILE:1: upstrem: is unknown — did you mean upstream?"),
        ("[admin]\nlisten_on = 1\n", "FILE:2: admin.listen_on: is unknown — did you mean listen?"),
        ("_env_file = 1\n", "FILE:1: _env_file: is unknown — remove it"),
        ("admin = 3\n", "FILE:1: admin: must be a table — write it under [admin]"),
        ("[log]\nlevel = 3\n", "FILE:2: log.level = 3: isn't one of the values that this can have — write one of debug, info, warning, error"),  # noqa: E501
        ("[process]\ndrain_s = 0\n", "FILE:2: process.drain_s = 0: is out of range: it must be more than 0"),
        ("[process]\ndrain_s = nan\n", "FILE:2: process.drain_s = NaN: must be a finite number"),
        ("[process]\ndrain_s = true\n", "FILE:2: process.drain_s = true: must be a number, not true or false"),
        ("[admin]\nlisten = '9464'\n", 'FILE:2: admin.listen = "9464": isn\'t an address to listen on — write "127.0.0.1:9464", ":9464" or "[::1]:9464"'),  # noqa: E501
    ],
)  # fmt: skip
def test_a_line_has_place_value_and_fix(only_error: OnlyError, text: str, line: str) -> None:
    assert only_error(text + BASE + NBA) == line


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("shards = 1001", "at most 1000"),
        ("shards = true", "not true or false"),
        ("shards = 1.5", "whole number"),
        ("shards = 'four'", "whole number"),
        ("partitions = 0", "at least 1"),
        ("replication_factor = 0", "at least 1"),
        ("transaction_timeout_ms = 999", "at least 1000"),
        ("transaction_timeout_ms = 900001", "at most 900000"),
        ("buffer_bytes = 1048575", "at least 1048576"),
        ("compression = 'brotli'", "write one of none, zstd, lz4, gzip, snappy"),
        ("group = ''", "isn't a legal name"),
        ("topic_prefix = 'a b'", "isn't a legal topic prefix"),
    ],
)
def test_bounds_of_kafka_settings(only_error: OnlyError, setting: str, problem: str) -> None:
    line = only_error(BASE + setting + "\n" + NBA)
    assert line.startswith(f"FILE:3: kafka.{setting.split(maxsplit=1)[0]} = ")
    assert problem in line


@pytest.mark.parametrize("servers", ["", "localhost", "kafka://h:1", "h:1,", ":9092", "h:0", "h:99999", "h:1, ,i:2"])
def test_bootstrap_servers_that_are_none(only_error: OnlyError, servers: str) -> None:
    assert "FILE:2: kafka.bootstrap_servers" in only_error(f'[kafka]\nbootstrap_servers = "{servers}"\n{NBA}')


@pytest.mark.parametrize("servers", ["localhost:9092", "a:1,b:2", "a.b-c_d:1, [::1]:9092", "10.0.0.1:9092"])
def test_bootstrap_servers_that_are(files: Files, servers: str) -> None:
    assert files.load(f'[kafka]\nbootstrap_servers = "{servers}"\n{NBA}').kafka.bootstrap_servers == servers


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        (":9464", (None, 9464)),
        ("[::1]:9464", ("::1", 9464)),
        ("localhost:0", ("localhost", 0)),
        ("0.0.0.0:65535", ("0.0.0.0", 65535)),
    ],
)
def test_listen(files: Files, listen: str, address: tuple[str | None, int]) -> None:
    assert files.load(f'[admin]\nlisten = "{listen}"\n{BASE}{NBA}').admin.address == address


@pytest.mark.parametrize("listen", ["::1:9464", ":65536", "a b:1", "host:", "host:-1", ":٣", ""])
def test_listen_that_is_none(only_error: OnlyError, listen: str) -> None:
    assert "isn't an address to listen on" in only_error(f'[admin]\nlisten = "{listen}"\n{BASE}{NBA}')


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ftp://h/x", "ftp://h/x"),
        ("h/x", "h/x"),
        ("https://user:s3cret-key@h/x", "https://…@h/x"),
        ("https://h/x?key=s3cret-key", "https://h/x?…"),
        ("https://h/x#s3cret-key", "https://h/x?…"),
        ("http://h:x/", "http://h:x/"),
        ("http://h/ö", "http://h/ö"),
    ],
)
def test_base_urls_that_are_none_and_never_show_a_secret(only_error: OnlyError, url: str, shown: str) -> None:
    line = only_error(f'[upstream]\nbase_url = "{url}"\n{BASE}{NBA}')
    assert line.startswith(f'FILE:2: upstream.base_url = "{shown}": ')
    assert "s3cret" not in line


def test_a_trailing_slash_of_the_base_url_is_tolerated(files: Files) -> None:
    assert files.load(f'[upstream]\nbase_url = "http://h:1/v3/"\n{BASE}{NBA}').upstream.base_url == "http://h:1/v3"


def test_a_syntax_error_names_file_and_line(files: Files) -> None:
    (line,) = files.errors("[kafka]\nbootstrap_servers = \n")
    assert line.startswith("FILE: isn't TOML: ")
    assert "line 2" in line


@pytest.mark.parametrize(
    ("raw", "problem"),
    [(b"[kafka]\nx = '\xff'\n", ":2: isn't UTF-8"), (b"x = " + b"[" * 100_000, ": is")],
    ids=["not UTF-8", "nested too deeply"],
)
def test_files_that_hold_something_else(tmp_path: Path, raw: bytes, problem: str) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(raw)
    with pytest.raises(ConfigError) as caught:
        load(path, KEY)
    assert f"{path}{problem}" in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nope\.toml: can't be read: No such file"):
        load(tmp_path / "nope.toml", KEY)
    with pytest.raises(ConfigError, match="can't be read: Is a directory"):
        load(tmp_path, KEY)


@pytest.mark.parametrize("text", ["", "streams = []\n"])
def test_no_streams_at_all(only_error: OnlyError, text: str) -> None:
    assert "there is no stream — add a [[streams]] table" in only_error(text + BASE)


def test_streams_that_are_no_tables(files: Files) -> None:
    assert "must be tables — write [[streams]]" in files.errors('[streams]\nname = "x"\n' + BASE)[0]
    assert "must be a table — write it under [[streams]]" in files.errors("streams = [3]\n" + BASE)[0]


def test_thousands_of_conflicts_do_not_fill_the_screen(files: Files) -> None:
    text = BASE + "".join(NBA.replace('"nba"', f'"nba-{n}"') for n in range(60))
    lines = files.errors(text)
    assert len(lines) == 51
    assert lines[-1] == f"… and {60 * 59 // 2 - 50} more"
