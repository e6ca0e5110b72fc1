"""The shell part of `./run`: what it demands, what it skips, and that a failure leaves no half directory. No network."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
Ended = subprocess.CompletedProcess[str]
TOOLS = ("sh", "dirname", "cat", "rm", "mkdir", "env")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the script and locks, and `tools/`, the only thing on PATH: no Python of any kind in it."""
    folder = tmp_path / "checkout"
    (folder / "tools").mkdir(parents=True)
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        (folder / "tools" / tool).symlink_to(found)
    for name in ("run", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def python(checkout: Path, *cases: str, name: str = "tools/python3") -> None:
    """A stand-in that is the real interpreter except where a `case` pattern of its arguments says otherwise."""
    path = checkout / name
    path.parent.mkdir(parents=True, exist_ok=True)
    branches = "\n".join(f"    {case} ;;" for case in cases)
    path.write_text(f'#!/bin/sh\ncase "$*" in\n{branches}\n    *) exec {sys.executable} "$@" ;;\nesac\n')
    path.chmod(0o755)


def run(checkout: Path, *arguments: str, user: int | None = None, group: int | None = None) -> Ended:
    environ = {"PATH": str(checkout / "tools"), "HOME": str(checkout)}
    command = [str(checkout / "run"), *arguments]
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=60, check=False, user=user, group=group
    )


def refused(ended: Ended, line: str) -> None:
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", f"millrace: {line}\n")


def installed(checkout: Path, lock: str) -> None:
    """A `.venv` whose stamp fits and whose python only says what it was asked."""
    hashes = f'*hashlib*) exec {sys.executable} "$@"'
    python(checkout, hashes, "*'import pip'*) exit 0", '*) echo "asked: $*"', name=".venv/bin/python")
    digest = hashlib.sha256((checkout / lock).read_bytes()).hexdigest()
    (checkout / ".venv" / f"{lock}.sha256").write_text(f"{digest}\n")


def test_without_python_it_says_so(checkout: Path) -> None:
    refused(run(checkout), "Python 3.11 or newer is needed and was not found")


def test_an_old_python_is_not_enough(checkout: Path) -> None:
    python(checkout, "*version_info*) exit 1")

    refused(run(checkout), "Python 3.11 or newer is needed and was not found")


def test_without_the_venv_module_it_names_the_package(checkout: Path) -> None:
    python(checkout, "*ensurepip*) exit 1")

    refused(run(checkout), "Python's venv module is missing: apt-get install -y python3-venv")
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize(
    ("plain", "other", "taken"),
    [
        ("exit 1", "exit 0", "python3.12"),  # pyenv's, and behind it one that is built to be quick
        ("exit 0", "exit 0", "python3"),
        ("exit 1", "exit 1", "python3"),
    ],
)
def test_a_python_built_with_its_optimisations_goes_before_one_without(
    checkout: Path, plain: str, other: str, taken: str
) -> None:
    for name, answer in (("python3", plain), ("python3.12", other)):
        noted = f'"-m venv "*) echo {name} >"{checkout}/taken"; exit 1'
        python(checkout, f"*--enable-optimizations*) {answer}", noted, name=f"tools/{name}")

    run(checkout)

    assert (checkout / "taken").read_text() == f"{taken}\n"


def test_a_venv_that_fails_leaves_no_half_directory(checkout: Path) -> None:
    python(checkout, '"-m venv "*) mkdir -p "$3/bin"; exit 1')

    refused(run(checkout), "the virtual environment could not be made: apt-get install -y python3-venv")
    assert not (checkout / ".venv").exists()


def test_a_folder_that_cannot_be_written_is_one_line(checkout: Path) -> None:
    python(checkout, "*) exit 0")
    checkout.chmod(0o555)
    with tempfile.TemporaryDirectory() as found:  # pytest's own folders are closed to everybody else
        Path(found).chmod(0o755)
        copied = Path(shutil.copytree(checkout, Path(found) / "checkout", symlinks=True))
        nobody = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}

        ended = run(copied, **nobody)

        refused(ended, f"the folder {copied} cannot be written, and .venv has to be made there")
        copied.chmod(0o755)
    checkout.chmod(0o755)


def test_an_unknown_verb_is_wrong_use(checkout: Path) -> None:
    refused(run(checkout, "fly"), "use ./run [test|check|manage CMD|clean|bench|chaos]")


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], "-m config.supervisor up"),
        (["manage", "sync", "demo", "--json"], "-m config.supervisor manage sync demo --json"),
        (["clean"], "-m config.supervisor clean"),
        (["check"], "-m config.supervisor check"),
        (["test"], "-m pytest -n 3 --dist loadfile --no-loadscope-reorder"),
        (["test", "tests/config", "-x"], "-m pytest tests/config -x"),
        (["chaos", "--size", "crash"], "-m tests.chaos --size crash"),
    ],
)
def test_each_verb_leads_to_its_program_and_installs_nothing(checkout: Path, arguments: list[str], asked: str) -> None:
    installed(checkout, "requirements-dev.lock")

    ended = run(checkout, *arguments)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"asked: {asked}\n", "")


def test_the_benchmark_is_refused_while_there_is_none_and_started_once_there_is(checkout: Path) -> None:
    installed(checkout, "requirements-dev.lock")
    refused(run(checkout, "bench"), "this copy has no folder bench: take the whole repository")

    (checkout / "bench").mkdir()

    assert run(checkout, "bench", "--quick").stdout == "asked: -m bench --quick\n"


def test_a_changed_lock_is_installed_with_its_hashes(checkout: Path) -> None:
    installed(checkout, "requirements.lock")
    with (checkout / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")

    ended = run(checkout, "clean")

    first, second = ended.stdout.splitlines()
    assert "-m pip install" in first
    assert f"--require-hashes -r {checkout}/requirements.lock" in first
    assert second == "asked: -m config.supervisor clean"
    stamp = (checkout / ".venv" / "requirements.lock.sha256").read_text().strip()
    assert stamp == hashlib.sha256((checkout / "requirements.lock").read_bytes()).hexdigest()


def test_the_checks_need_the_development_lock(checkout: Path) -> None:
    installed(checkout, "requirements.lock")

    ended = run(checkout, "check")

    assert f"--require-hashes -r {checkout}/requirements-dev.lock" in ended.stdout
    assert ended.stderr == "installing requirements-dev.lock\n"


def test_no_lock_names_a_registry() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        assert "://" not in (ROOT / name).read_text()
