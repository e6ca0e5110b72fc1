"""docker-compose.yml and Dockerfile, as far as they can be judged without an engine."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from config.deployment import YOURS, contents, main
from config.env import Env, load
from config.supervisor.environment import NAMES

ROOT = Path(__file__).resolve().parent.parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "web", "worker", "beat", "watch")


def environ_of(service: str, folder: Path) -> dict[str, str]:
    """What the service would find, with the secrets of `folder` and books.example as the domain."""
    text = {name: str(value) for name, value in SERVICES[service]["environment"].items()}
    filled = {name: re.sub(r"\$\{DOMAIN[^}]*\}", "books.example", value) for name, value in text.items()}
    without = {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for name, value in filled.items()}
    return {name: value.replace("/run/secrets", str(folder)) for name, value in without.items()}


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    assert main(tmp_path / "secrets") == 0
    return tmp_path / "secrets"


def test_the_file_follows_the_compose_specification() -> None:
    program = str(Path(sys.executable).parent / "check-jsonschema")
    command = [program, "--builtin-schema", "vendor.compose-spec", str(ROOT / "docker-compose.yml")]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_it_has_the_services_of_the_architecture() -> None:
    assert set(SERVICES) == {"postgres", "valkey", "migrate", "web", "worker", "beat", "watch", "proxy"}
    assert SERVICES["postgres"]["image"] == "postgres:18"
    assert SERVICES["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_names_exists(service: str) -> None:
    spec = SERVICES[service]

    assert set(spec.get("depends_on", {})) <= set(SERVICES)
    assert set(spec.get("networks", [])) <= set(COMPOSE["networks"])
    assert {volume.partition(":")[0] for volume in spec.get("volumes", [])} <= set(COMPOSE["volumes"])
    assert set(spec.get("secrets", [])) <= set(COMPOSE["secrets"])
    assert {config["source"] for config in spec.get("configs", [])} <= set(COMPOSE["configs"])
    for condition in (wish["condition"] for wish in spec.get("depends_on", {}).values()):
        assert condition in ("service_healthy", "service_completed_successfully")


@pytest.mark.parametrize("service", SERVICES)
def test_who_is_waited_for_says_when_they_are_healthy(service: str) -> None:
    for name, wish in SERVICES[service].get("depends_on", {}).items():
        assert wish["condition"] != "service_healthy" or "healthcheck" in SERVICES[name]


def test_only_the_proxy_is_reachable_from_outside() -> None:
    assert [name for name, spec in SERVICES.items() if "ports" in spec] == ["proxy"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == SERVICES["valkey"]["networks"] == ["inside"]


def test_the_proxy_takes_a_body_in_whole_before_it_asks_us() -> None:
    """Left alone, Caddy hands a body on byte by byte and waits for ever for the next one. The words are those of
    https://caddyserver.com/docs/caddyfile/options#timeouts and
    https://caddyserver.com/docs/caddyfile/directives/reverse_proxy#request_buffers."""
    first, site = re.split(r"^\{\$\$DOMAIN\} ", COMPOSE["configs"]["caddy"]["content"], flags=re.MULTILINE)

    assert " ".join(first.split()) == "{ servers { timeouts { read_header 10s read_body 30s } } }"
    (proxy,) = re.findall(r"^  reverse_proxy web:8000 \{\n((?:    .+\n)+)  \}$", site, re.MULTILINE)
    (buffered,) = re.findall(r"^    request_buffers (\d+)MB$", proxy, re.MULTILINE)
    (largest,) = re.findall(r"^    max_size (\d+)MB$", site, re.MULTILINE)
    assert int(buffered) == int(largest)
    assert int(buffered) * 1_000_000 > settings.LARGEST_BODY
    assert "    response_buffers 4MB\n" in proxy


def test_only_the_migration_knows_the_owner() -> None:
    knows = [name for name in OURS if "database_admin_url" in SERVICES[name]["secrets"]]

    assert knows == ["migrate"]


@pytest.mark.parametrize("service", OURS)
def test_every_variable_is_ours_and_every_secret_is_mounted(service: str) -> None:
    for name, value in SERVICES[service]["environment"].items():
        if name.endswith("_FILE"):
            assert str(value).removeprefix("/run/secrets/") in SERVICES[service]["secrets"]
        assert name.removesuffix("_FILE") in NAMES


def test_every_variable_from_outside_has_a_default_or_is_demanded() -> None:
    text = (ROOT / "docker-compose.yml").read_text()

    found = re.findall(r"(?<!\$)\$\{(\w+)(:?[-?])?", text)

    assert {name for name, _ in found} == {"DOMAIN", "OPS_EMAIL", "AMNIS_CLIENT_ID", "XERO_CLIENT_ID"}
    assert all(rule in (":-", ":?") for _, rule in found)


def test_every_secret_file_is_made(secrets: Path) -> None:
    declared = {Path(spec["file"]).name for spec in COMPOSE["secrets"].values()}

    assert declared == set(contents()) == {path.name for path in secrets.iterdir()}
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert {name for name in declared if not (secrets / name).read_text()} == set(YOURS)


def test_secrets_are_never_made_twice(secrets: Path) -> None:
    before = (secrets / "secret_key").read_text()

    assert main(secrets) == 2
    assert (secrets / "secret_key").read_text() == before


@pytest.mark.parametrize("service", OURS)
def test_the_program_accepts_the_environment(service: str, secrets: Path) -> None:
    env: Env = load(environ_of(service, secrets))

    assert env.public_url == "https://books.example"
    assert env.allowed_hosts == ("books.example",)
    assert not env.sandbox
    assert env.database_url.startswith("postgresql://millrace_app:")
    assert env.database_admin_url.startswith("postgresql://millrace_owner:") == (service == "migrate")
    assert (env.email_url, env.xero_client_secret) == ("", "")


def test_the_image_holds_every_app_and_no_sandbox() -> None:
    copied = set(re.findall(r"^COPY (?!--)(\S+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    local = {app for app in settings.INSTALLED_APPS if (ROOT / app).is_dir()}

    assert local | {"config", "templates", "manage.py", "requirements.lock"} == copied
    assert all((ROOT / name).exists() for name in copied)
    allowed = set((ROOT / ".dockerignore").read_text().split())
    assert {f"!{name}" for name in copied} <= allowed
