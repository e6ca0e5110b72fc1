"""The environment: one clear line for every wrong value, typed attributes for every right one."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.env import DEFAULT_SCOPES, SECRETS, Env, EnvError, load

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
LEAST = {
    "SECRET_KEY": "k" * 40,
    "FIELD_ENCRYPTION_KEY": KEY,
    "DATABASE_URL": "postgresql://app@db/millrace",
    "REDIS_URL": "redis://broker:6379/0",
}
# docs/operations.md, "Variables": the whole list.
NAMES = [
    "PORT",
    "DATA_DIR",
    "PUBLIC_URL",
    "ALLOWED_HOSTS",
    "SECRET_KEY",
    "FIELD_ENCRYPTION_KEY",
    "DATABASE_URL",
    "DATABASE_ADMIN_URL",
    "REDIS_URL",
    "EMAIL_URL",
    "SLACK_BASE_URL",
    "OPS_SLACK_WEBHOOK",
    "OPS_EMAIL",
    "SANDBOX",
    "AMNIS_BASE_URL",
    "AMNIS_AUTHORIZE_URL",
    "AMNIS_CLIENT_ID",
    "AMNIS_CLIENT_SECRET",
    "XERO_CLIENT_ID",
    "XERO_CLIENT_SECRET",
    "XERO_WEBHOOK_KEY",
    "XERO_LOGIN_URL",
    "XERO_IDENTITY_URL",
    "XERO_API_URL",
    "XERO_SCOPES",
    "AMNIS_LIMIT_MINUTE",
    "XERO_LIMIT_MINUTE",
    "XERO_LIMIT_DAY",
    "XERO_LIMIT_CONCURRENT",
    "AMAZON_LWA_CLIENT_ID",
    "AMAZON_LWA_CLIENT_SECRET",
    "AMAZON_LWA_URL",
    "AMAZON_CONSENT_URL",
    "AMAZON_API_URL",
    "TICK_SECONDS",
    "POLL_SECONDS",
    "RETRY_SCHEDULE_SECONDS",
    "LEASE_SECONDS",
    "QUARANTINE_SECONDS",
    "PROBE_SECONDS",
    "PROBE_GAP_SECONDS",
    "READ_BACK_SECONDS",
    "SEND_DEADLINE_SECONDS",
    "HTTP_TIMEOUT_SECONDS",
    "WATCHDOG_SECONDS",
]


def refusal(**changes: str) -> str:
    with pytest.raises(EnvError) as caught:
        load({**LEAST, **changes})
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_every_variable_of_the_interface_has_an_attribute() -> None:
    attributes = {field.name.upper().replace("FIELD_ENCRYPTION_KEYS", "FIELD_ENCRYPTION_KEY") for field in fields(Env)}

    assert attributes == set(NAMES)


def test_the_defaults_are_the_documented_ones() -> None:
    env = load(LEAST)

    assert (env.port, env.public_url, env.sandbox) == (8000, "http://localhost:8000", True)
    assert (env.tick_seconds, env.poll_seconds, env.quarantine_seconds) == (1, None, 600)
    assert env.retry_schedule_seconds == (60, 300, 1800, 7200)
    assert (env.probe_seconds, env.probe_gap_seconds) == ((60, 300), 120)
    assert (env.send_deadline_seconds, env.http_timeout_seconds) == (20, 30)
    assert env.xero_login_url == "https://login.xero.com"
    assert env.xero_identity_url == "https://identity.xero.com"
    assert env.xero_api_url == "https://api.xero.com"
    assert env.amnis_base_url == "https://api.amnistreasury.com"
    assert env.xero_scopes == DEFAULT_SCOPES


def test_the_public_address_follows_the_port() -> None:
    assert load({**LEAST, "PORT": "8080"}).public_url == "http://localhost:8080"


@pytest.mark.parametrize("name", sorted(LEAST))
def test_what_has_no_default_must_be_set(name: str) -> None:
    with pytest.raises(EnvError, match=f"^{name} .*not set"):
        load({key: value for key, value in LEAST.items() if key != name})


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_may_lie_in_a_file(name: str, tmp_path: Path) -> None:
    value = {"EMAIL_URL": "smtp://mail", "OPS_SLACK_WEBHOOK": "https://hooks.slack.com/services/T/B/x"}.get(name)
    value = value or LEAST.get(name) or "postgresql://owner@db/millrace"
    (tmp_path / "secret").write_text(f"{value}\n")
    others = {key: other for key, other in LEAST.items() if key != name}

    env = load({**others, f"{name}_FILE": str(tmp_path / "secret")})

    attribute = "field_encryption_keys" if name == "FIELD_ENCRYPTION_KEY" else name.lower()
    assert getattr(env, attribute) in (value, (value,))


def test_a_secret_file_that_is_away_is_named(tmp_path: Path) -> None:
    assert refusal(SECRET_KEY="", SECRET_KEY_FILE=str(tmp_path / "away")).startswith("SECRET_KEY_FILE cannot be read")


def test_value_and_file_contradict_each_other(tmp_path: Path) -> None:
    assert refusal(SECRET_KEY_FILE=str(tmp_path)) == "SECRET_KEY and SECRET_KEY_FILE are both set: keep one of them"


def test_what_is_no_secret_has_no_file_variant(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("1234")

    assert load({**LEAST, "PORT_FILE": str(tmp_path / "port")}).port == 8000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "80 80"),
        ("PORT", "٨٠٠٠"),
        ("SANDBOX", "yes"),
        ("PUBLIC_URL", "localhost:8000"),
        ("PUBLIC_URL", "https://books.example/app"),
        ("PUBLIC_URL", "http://books.example"),
        ("XERO_API_URL", "https://api.xero.com/api.xro/2.0"),
        ("XERO_API_URL", "https://user:word@api.xero.com"),
        ("XERO_API_URL", "https://api.xero.com?x=1"),
        ("XERO_API_URL", "https://api.xero.com:port"),
        ("AMNIS_BASE_URL", "http://192.0.2.1"),
        ("AMNIS_BASE_URL", "ftp://localhost"),
        ("AMNIS_BASE_URL", "http://localhost.evil.example"),
        ("DATABASE_URL", "mysql://db/millrace"),
        ("REDIS_URL", "amqp://broker"),
        ("FIELD_ENCRYPTION_KEY", "short"),
        ("FIELD_ENCRYPTION_KEY", f"{KEY},short"),
        ("SECRET_KEY", "short"),
        ("OPS_EMAIL", "nobody"),
        ("AMNIS_LIMIT_MINUTE", "14"),
        ("XERO_LIMIT_MINUTE", "0"),
        ("XERO_LIMIT_DAY", "-1"),
        ("TICK_SECONDS", "0"),
        ("TICK_SECONDS", "nan"),
        ("TICK_SECONDS", "1e3"),
        ("RETRY_SCHEDULE_SECONDS", "60,300"),
        ("RETRY_SCHEDULE_SECONDS", "60,300,1800,x"),
        ("PROBE_SECONDS", "60"),
    ],
)
def test_a_wrong_value_names_its_variable(name: str, value: str) -> None:
    assert refusal(**{name: value}).startswith(name)


@pytest.mark.parametrize("secret", ["DATABASE_URL", "SECRET_KEY", "OPS_SLACK_WEBHOOK"])
def test_a_wrong_secret_is_not_shown(secret: str) -> None:
    assert "hunter2" not in refusal(**{secret: "hunter2"})


def test_http_is_good_enough_for_loopback() -> None:
    env = load({**LEAST, "XERO_API_URL": "http://127.0.0.1:4000", "AMNIS_BASE_URL": "http://[::1]:4001/"})

    assert (env.xero_api_url, env.amnis_base_url) == ("http://127.0.0.1:4000", "http://[::1]:4001")


def test_the_lease_outlives_the_longest_send() -> None:
    assert load({**LEAST, "LEASE_SECONDS": "50.1"}).lease_seconds == 50.1
    assert refusal(LEASE_SECONDS="50").startswith("LEASE_SECONDS (50) must be longer")
    assert refusal(LEASE_SECONDS="60", HTTP_TIMEOUT_SECONDS="40").startswith("LEASE_SECONDS (60) must be longer")


def test_compressed_times_are_for_loopback_only() -> None:
    short = {"QUARANTINE_SECONDS": "1", "RETRY_SCHEDULE_SECONDS": "1,1,1,1"}
    public = {"PUBLIC_URL": "https://books.example"}

    assert load({**LEAST, **short}).quarantine_seconds == 1
    assert "allowed only while PUBLIC_URL is a loopback address" in refusal(**short, **public)
    assert load({**LEAST, **public, "QUARANTINE_SECONDS": "900"}).quarantine_seconds == 900


def test_a_polling_frequency_is_no_compressed_time() -> None:
    assert load({**LEAST, "PUBLIC_URL": "https://books.example", "POLL_SECONDS": "30"}).poll_seconds == 30


def test_there_is_no_sandbox_behind_https() -> None:
    assert not load({**LEAST, "PUBLIC_URL": "https://books.example", "SANDBOX": "1"}).sandbox
    assert not load({**LEAST, "SANDBOX": "0"}).sandbox


def test_only_the_public_host_is_served_in_production() -> None:
    assert load({**LEAST, "PUBLIC_URL": "https://books.example"}).allowed_hosts == ("books.example",)
    assert "127.0.0.1" in load(LEAST).allowed_hosts


def test_several_keys_are_kept_in_order() -> None:
    second = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="

    assert load({**LEAST, "FIELD_ENCRYPTION_KEY": f"{KEY}, {second}"}).field_encryption_keys == (KEY, second)


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=40), max_size=4))
def test_whatever_is_set_loads_or_is_refused_in_one_line(changes: dict[str, str]) -> None:
    line = ""
    try:
        load({**LEAST, **changes})
    except EnvError as error:
        line = str(error)

    assert line.isprintable()
    assert len(line) < 300
