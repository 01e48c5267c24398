from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge import logs
from bridge.config import UpstreamSettings, read_key, warnings
from bridge.errors import ConfigError

from .conftest import BASE, KEY, NBA, Files

OnlyError = Callable[..., str]


def _with_file(files: Files, content: bytes | None) -> str:
    """The text of a configuration that names a key file beside it."""
    if content is not None:
        (files.path.parent / "key").write_bytes(content)
    return '[upstream]\napi_key_file = "key"\n' + BASE + NBA


def test_the_key_from_the_environment(files: Files) -> None:
    settings = files.load(BASE + NBA)
    assert read_key(settings)() == "s3cret-key"
    assert "s3cret-key" not in repr(settings) + settings.model_dump_json()
    assert warnings(settings) == []


def test_the_key_in_the_file_is_taken_and_warned_about(files: Files) -> None:
    settings = files.load('[upstream]\napi_key = " s3cret-key "\n' + BASE + NBA, {})
    assert read_key(settings)() == "s3cret-key"
    (warning,) = warnings(settings)
    assert "upstream.api_key stands in the configuration file" in warning
    assert "s3cret-key" not in warning


def test_the_key_file_is_found_beside_the_configuration_and_read_anew(files: Files) -> None:
    settings = files.load(_with_file(files, b"\xef\xbb\xbf first-key \r\n"), {})
    read = read_key(settings)
    assert read() == "first-key"
    (files.path.parent / "key").write_bytes(b"second-key\n")
    assert read() == "second-key"
    (files.path.parent / "key").unlink()
    with pytest.raises(ConfigError, match="can't be read"):
        read()


def test_every_key_that_was_read_is_hidden_in_the_logs(files: Files) -> None:
    read = read_key(files.load(_with_file(files, b"rotate-me-1"), {}))
    (files.path.parent / "key").write_bytes(b"rotate-me-2")
    read()
    assert logs.hidden("rotate-me-1 rotate-me-2") == "*** ***"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "can't be read: No such file or directory"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"s3cret\nkey", "holds a control character"),
        (b"s3cret\x00key", "holds a control character"),
        ("s3cret-schlüssel".encode(), "isn't ASCII"),
        (b"s3cret\xff", "isn't ASCII"),
        (b"s3cret key", "holds a space"),
        (b"s3cret" * 20_000, "is far too large for a key"),
    ],
)
def test_key_files_that_hold_none(only_error: OnlyError, files: Files, content: bytes | None, problem: str) -> None:
    line = only_error(_with_file(files, content), {})
    assert line.startswith("FILE:2: upstream.api_key_file: ")
    assert line.count("upstream.api_key_file") == 1, "the place is named once"
    assert problem in line
    assert str(files.path.parent / "key") in line
    assert "s3cret" not in line


@pytest.mark.parametrize("key", ["s3cret\nkey", "s3cret\tkey", "s3crét", "s3cret\x7f", "a s3cret"])
def test_keys_that_cannot_be_a_header(only_error: OnlyError, key: str) -> None:
    line = only_error(BASE + NBA, {"ODDSBRIDGE_UPSTREAM__API_KEY": key})
    assert line.startswith("environment: ODDSBRIDGE_UPSTREAM__API_KEY: the key holds a ")
    assert "s3cr" not in line


def test_a_wrong_key_is_not_shown_by_the_models_either() -> None:
    with pytest.raises(ValidationError) as caught:
        UpstreamSettings.model_validate({"api_key": "s3cr\net", "api_kee": "s3cr"})
    assert "s3cr" not in str(caught.value)


def test_a_key_of_another_type_is_not_shown(only_error: OnlyError) -> None:
    line = only_error("[upstream]\napi_key = 48151623\n" + BASE + NBA, {})
    assert line.startswith("FILE:2: upstream.api_key: must be text")
    assert "48151623" not in line


def test_both_is_an_error(only_error: OnlyError, files: Files) -> None:
    line = only_error(_with_file(files, b"other"), KEY)
    assert line == (
        'FILE:2: upstream.api_key_file = "' + str(files.path.parent / "key") + '": the key is given twice — '
        "keep either api_key or api_key_file"
    )


def test_none_is_an_error_only_where_the_key_is_needed(only_error: OnlyError, files: Files) -> None:
    assert "there is no API key — set the environment variable" in only_error(BASE + NBA, {})
    settings = files.load(BASE + NBA, {}, need_key=False)
    with pytest.raises(ConfigError, match="there is no API key"):
        read_key(settings)


def test_an_absolute_path_stays(files: Files, tmp_path: Path) -> None:
    key = tmp_path / "elsewhere"
    key.write_text("k3y")
    settings = files.load(f'[upstream]\napi_key_file = "{key}"\n' + BASE + NBA, {})
    assert settings.upstream.api_key_file == key
    assert read_key(settings)() == "k3y"


def test_the_key_file_by_the_environment(files: Files, tmp_path: Path) -> None:
    (tmp_path / "k").write_text("k3y")
    settings = files.load(BASE + NBA, {"ODDSBRIDGE_UPSTREAM__API_KEY_FILE": str(tmp_path / "k")})
    assert read_key(settings)() == "k3y"
