"""`[kafka.security]`: what follows from what is set, and what is said of nonsense."""

from pathlib import Path

import pytest

from bridge.config import SecuritySettings, Settings, load, warnings
from bridge.config.environment import variables
from bridge.config.reference import reference
from bridge.errors import ConfigError

BASE = """
[kafka]
bootstrap_servers = "localhost:9092"
[[streams]]
name = "nba"
feed = "results"
sport = "basketball"
[kafka.security]
"""
KEY = {"ODDSBRIDGE_UPSTREAM__API_KEY": "k"}
SECRET = "hunter2"  # in no message


def loaded(folder: Path, security: str, **environ: str) -> Settings:
    file = folder / "oddsbridge.toml"
    file.write_text(BASE + security)
    given = {f"ODDSBRIDGE_KAFKA__SECURITY__{name}": value for name, value in environ.items()}
    return load(file, KEY | given)


def problems(folder: Path, security: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, security, **environ)
    assert SECRET not in str(caught.value)
    return str(caught.value).splitlines()


PASSWORD = 'username = "u"\npassword = "hunter2"\n'
TOKEN = 'token_url = "https://idp/token"\nclient_id = "c"\nclient_secret = "hunter2"\n'


@pytest.mark.parametrize(
    ("security", "protocol", "mechanism"),
    [
        ("", "PLAINTEXT", None),
        ('protocol = "SSL"', "SSL", None),
        ('ca_file = "ca.pem"', "SSL", None),
        ('certificate_file = "ca.pem"', "SSL", None),
        (PASSWORD, "SASL_SSL", "SCRAM-SHA-512"),
        (PASSWORD + 'ca_file = "ca.pem"', "SASL_SSL", "SCRAM-SHA-512"),
        (PASSWORD + 'mechanism = "PLAIN"', "SASL_SSL", "PLAIN"),
        (PASSWORD + 'protocol = "SASL_PLAINTEXT"', "SASL_PLAINTEXT", "SCRAM-SHA-512"),
        (PASSWORD + 'ca_file = "ca.pem"\ncertificate_file = "ca.pem"', "SASL_SSL", "SCRAM-SHA-512"),
        (TOKEN, "SASL_SSL", "OAUTHBEARER"),
    ],
)
def test_what_is_left_out_follows_from_what_is_set(
    tmp_path: Path, security: str, protocol: str, mechanism: str | None
) -> None:
    (tmp_path / "ca.pem").write_text("")
    found = loaded(tmp_path, security).kafka.security
    assert (found.security_protocol, found.sasl_mechanism) == (protocol, mechanism)
    assert found.uses_tls == protocol.endswith("SSL")
    assert found.uses_sasl == (mechanism is not None)
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("security", "told"),
    [
        ('protocol = "TLS"', "write one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
        ('mechanism = "GSSAPI"', "write one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER"),
        ('username = "u"', ": SCRAM-SHA-512 needs a password — set ODDSBRIDGE_KAFKA__SECURITY__PASSWORD, or passwo"),
        ('password = "hunter2"', "kafka.security.password: SCRAM-SHA-512 needs a user name — add username"),
        ('protocol = "SASL_SSL"', 'protocol = "SASL_SSL": SCRAM-SHA-512 needs a user name — add username'),
        ('mechanism = "PLAIN"', 'mechanism = "PLAIN": PLAIN needs a user name — add username'),
        ('scope = "kafka"', "OAUTHBEARER needs a token URL — add token_url"),
        (PASSWORD + 'password_file = "x"', "the password is given twice — keep either password or password_file"),
        (PASSWORD + TOKEN, 'username = "u": OAUTHBEARER doesn\'t use it — remove it, or write the mechanism that'),
        (PASSWORD + 'mechanism = "PLAIN"\nscope = "x"', 'scope = "x": PLAIN doesn\'t use it — remove it'),
        (PASSWORD + 'protocol = "SSL"', 'username = "u": SSL has no SASL — remove it, or write protocol = "SASL_SSL"'),
        (
            PASSWORD + 'protocol = "PLAINTEXT"',
            'PLAINTEXT has no SASL — remove it, or write protocol = "SASL_PLAINTEXT"',
        ),
        ('protocol = "PLAINTEXT"\nca_file = "x"', 'ca_file = "x": PLAINTEXT has no TLS — write protocol = "SSL"'),
        (
            PASSWORD + 'protocol = "SASL_PLAINTEXT"\nca_file = "x"',
            'SASL_PLAINTEXT has no TLS — write protocol = "SASL_SSL"',
        ),
        ('key_file = "x"', "there is no certificate to this key — add certificate_file"),
        ('ca_file = "x"\nkey_password = "hunter2"', "key_password: there is no certificate to this key"),
        ('username = "u"\npassword = ""', "kafka.security.password: is empty"),
        ('username = "u"\npassword = "hunter2\\n"', "kafka.security.password: holds a control character"),
        ('username = "u"\npassword = 7', "kafka.security.password: must be text"),
        ('user = "u"', "kafka.security.user: is unknown — did you mean username?"),
        (TOKEN.replace("https", "http"), "token_url: would send the client's secret in the clear — write https"),
        (TOKEN.replace("idp", "me:hunter2@idp"), "token_url: holds a user name or password — give them by client_id"),
        (TOKEN.replace("https", "ftp"), "token_url: must be an https URL"),
        (TOKEN + 'extensions = "lkc-1"', "isn't name=value, with commas between"),
        (TOKEN + 'extensions = "auth=x"', "isn't name=value, with commas between"),
    ],
)
def test_nonsense_is_told_with_the_fix(tmp_path: Path, security: str, told: str) -> None:
    security = security.replace('"x"', f'"{tmp_path}/x"') if "_file" in security else security
    found = problems(tmp_path, security)
    assert any(told in line.replace(f"{tmp_path}/", "") for line in found), found
    assert all(f"{tmp_path}/oddsbridge.toml:" in line for line in found)


def test_one_line_for_each_thing_to_mend(tmp_path: Path) -> None:
    assert len(problems(tmp_path, 'protocol = "SSL"\nusername = "u"\nkey_file = "k"')) == 2


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_http_is_for_this_machine_only(host: str) -> None:
    settings = SecuritySettings.model_validate(
        {"token_url": f"http://{host}:1/token", "client_id": "c", "client_secret": "s"}
    )
    assert settings.sasl_mechanism == "OAUTHBEARER"
    assert settings.sasl_extensions() == {}


def test_extensions() -> None:
    settings = SecuritySettings.model_validate(
        {
            "token_url": "https://idp/token",
            "client_id": "c",
            "client_secret": "s",
            "extensions": "logicalCluster=lkc-1, identityPoolId=pool=2",
        }
    )
    assert settings.sasl_extensions() == {"logicalCluster": "lkc-1", "identityPoolId": "pool=2"}


def test_files_are_looked_for_beside_the_configuration_and_tried(tmp_path: Path) -> None:
    found = problems(tmp_path, 'username = "u"\npassword_file = "secret"\nca_file = "ca.pem"')
    assert [line.split(": ", 1)[1] for line in found] == [
        f"kafka.security.password_file: {tmp_path}/secret can't be read: No such file or directory — name a file "
        "that this user may read",
        f"kafka.security.ca_file: {tmp_path}/ca.pem can't be read: No such file or directory — name a file "
        "that this user may read",
    ]
    (tmp_path / "ca.pem").write_text("")
    for content, told in (
        ("", "is empty"),
        ("a\nb\n", "holds a control character"),
        ("x" * 70_000, "is far too large"),
    ):
        (tmp_path / "secret").write_text(content)
        assert told in problems(tmp_path, 'username = "u"\npassword_file = "secret"\nca_file = "ca.pem"')[0]
    (tmp_path / "secret").write_text(f"{SECRET} \r\n")
    settings = loaded(tmp_path, 'username = "u"\npassword_file = "secret"\nca_file = "ca.pem"')
    assert settings.kafka.security.ca_file == tmp_path / "ca.pem"
    (tmp_path / "secret").unlink()
    load(tmp_path / "oddsbridge.toml", {}, need_key=False)  # whoever checks a file elsewhere hasn't the secrets


def test_the_environment_gives_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    settings = loaded(tmp_path, "", USERNAME="u", PASSWORD=SECRET, CA_FILE=str(tmp_path / "ca.pem"), MECHANISM="PLAIN")
    security = settings.kafka.security
    assert security.password is not None
    assert (security.username, security.password.get_secret_value(), security.mechanism) == ("u", SECRET, "PLAIN")
    found = problems(tmp_path, "", USERNAME="u", PASSWORD=f"{SECRET}\n")
    assert found == [
        "environment: ODDSBRIDGE_KAFKA__SECURITY__PASSWORD: holds a control character, such as a line break"
    ]


def test_what_is_legal_and_unwise(tmp_path: Path) -> None:
    def said(security: str, **environ: str) -> str:
        return "\n".join(warnings(loaded(tmp_path, security, **environ)))

    assert "better" in said(PASSWORD).lower()
    assert "ODDSBRIDGE_KAFKA__SECURITY__PASSWORD" in said(PASSWORD)
    assert SECRET not in said(PASSWORD)
    assert said('username = "u"', PASSWORD=SECRET) == ""
    clear = 'protocol = "SASL_PLAINTEXT"\nusername = "u"\n'
    assert "the password itself goes over the network in the clear" in said(clear + 'mechanism = "PLAIN"', PASSWORD="x")
    assert "all data goes over the network in the clear" in said(clear, PASSWORD="x")


def test_every_setting_is_documented_and_in_the_example() -> None:
    text = reference()
    example = (Path(__file__).parents[2] / "deploy" / "oddsbridge.example.toml").read_text(encoding="utf-8")
    for name in SecuritySettings.model_fields:
        assert f"| `{name}` |" in text
        assert f"# {name} = " in example
    assert sum("SECURITY__" in name for _, name in variables()) == len(SecuritySettings.model_fields)
