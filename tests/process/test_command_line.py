"""The command line before any port is touched: help, version, wrong verbs, completion."""

import os
import shutil
import socket
import subprocess

import pytest

import procs
from conftest import REPO

FAILED, USAGE = 1, 2
COMPLETION = REPO / "completions" / "berth.bash"

TELLING = [["--help"], ["-h"], ["help"], ["--version"], ["-V"], ["version"]]
VERBS = """
    run ps describe ports events start stop restart reload undo drain kill scale upgrade why doctor
""".split()
TELLING += [[verb, "--help"] for verb in VERBS] + [["help", verb] for verb in VERBS]


@pytest.mark.parametrize("arguments", TELLING, ids=" ".join)
def test_what_was_asked_for_is_printed_on_stdout(berth, arguments):
    done = berth(*arguments)
    assert done.returncode == 0, done
    assert done.stdout.startswith(("usage: berth ", "berth 0.", "berth 1.")), done
    assert not done.stderr, done


@pytest.mark.parametrize("verb", VERBS)
def test_help_about_a_verb_is_what_the_verb_says(berth, verb):
    assert berth("help", verb).stdout == berth(verb, "--help").stdout


@pytest.mark.parametrize("arguments", TELLING, ids=" ".join)
def test_what_cannot_be_printed_is_an_error(programs, arguments):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [programs.berth, *arguments], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == FAILED, done
    assert b"cannot print: No space left on device" in done.stderr, done


@pytest.mark.parametrize("arguments", [["frob"], ["help", "frob"]], ids=" ".join)
def test_a_verb_that_is_none_is_named(berth, arguments):
    done = berth(*arguments)
    assert done.returncode == USAGE, done
    assert done.stderr.startswith("berth: there is no verb frob\n"), done
    assert not done.stdout, done


@pytest.mark.parametrize("arguments", [["help", "help"], ["help", "--help"]], ids=" ".join)
def test_help_about_help_is_help(berth, arguments):
    assert "  berth help [VERB] " in berth("help").stdout
    assert berth(*arguments).stdout == berth("help").stdout


def test_where_its_other_programs_were_looked_for_is_told(programs, place):
    prefix = place / "alone"
    alone = prefix / "bin" / "berth"
    alone.parent.mkdir(parents=True)
    shutil.copy(programs.berth, alone)
    done = subprocess.run(
        [alone, "run", "-n", "1", "--", "true"], capture_output=True, text=True, check=False
    )
    assert done.returncode == FAILED, done
    looked = [prefix / "bin", prefix / "libexec" / "berth", place / "bin"]
    places = ", ".join(f"{folder}/berth-keeper" for folder in looked)
    assert f"there is no berth-keeper, which berth cannot run without; looked for: {places}\n" in (
        done.stderr
    )


def test_dev_fuzz_names_a_target_that_is_none_before_it_builds():
    done = subprocess.run(
        [REPO / "dev", "fuzz", "nosuch"], capture_output=True, text=True, check=False, timeout=10
    )
    assert done.returncode == FAILED, done
    assert done.stderr.startswith("dev: fuzz: there is no target nosuch, only "), done


def test_dev_names_a_command_that_is_none():
    done = subprocess.run([REPO / "dev", "frob"], capture_output=True, text=True, check=False)
    assert done.returncode == USAGE, done
    assert done.stderr.startswith("dev: there is no command frob\n"), done


def test_dev_run_wants_a_port():
    done = subprocess.run([REPO / "dev", "run", "x"], capture_output=True, text=True, check=False)
    assert done.returncode == FAILED, done
    assert done.stderr == "dev: run: x is no port from 1 to 65535\n"


# Completion

ASK = """
source "$1"; shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_berth
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(line, cwd=None):
    """What bash offers for the last word of a line, which may be empty."""
    done = subprocess.run(
        ["bash", "--norc", "-c", ASK, "bash", COMPLETION, *line.split(" ")],
        capture_output=True, text=True, check=True, cwd=cwd, env=os.environ,
    )  # fmt: skip
    assert not done.stderr, done
    procs.reap_orphans()  # bash does not wait for what it reads from
    return done.stdout.split()


@pytest.mark.parametrize(
    "line, offered",
    [
        ("berth r", ["run", "restart", "reload"]),
        ("berth help ", [*VERBS, "help"]),
        ("berth ps --n", ["--name"]),
        ("berth scale --name web --j", ["--json"]),
        ("berth upgrade --bi", ["--binary"]),
        ("berth upgrade --binary app", ["app.js"]),
        ("berth upgrade --binary = app", ["app.js"]),
        ("berth why --j", ["--json"]),
        ("berth run --po", ["--policy"]),
        ("berth run -n 2 --policy r", ["round-robin", "random-two"]),
        ("berth run --policy = h", ["hash"]),
        ("berth run --mode =", ["auto", "steered", "shared"]),
        ("berth run --mode s", ["steered", "shared"]),
        ("berth run --quiet --mode = shared --un", ["--unique", "--undo"]),
        ("berth run -n ", ["auto"]),
        ("berth run -n 2 -- bas", ["bash"]),
        ("berth run -n 2 bas", ["bash"]),
        ("berth run -n 2 -- node app", ["app.js"]),
        ("berth run -n 2 node --policy r", []),
    ],
)
def test_bash_completes_verbs_options_values_and_the_command(tmp_path, line, offered):
    (tmp_path / "app.js").touch()
    assert set(offered) <= set(complete(line, tmp_path)), line
    if "bas" not in line:
        assert len(complete(line, tmp_path)) == len(offered), line


def test_bash_completes_the_names_of_what_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("BERTH_RUNTIME_DIR", str(tmp_path))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "web.sock"))
    (tmp_path / "api.sock").touch()  # no socket
    assert "web" in complete("berth ps --name w")
    assert "api" not in complete("berth ps --name ")


def test_no_option_of_berth_is_offered_behind_the_command(tmp_path):
    assert complete("berth run -- node --", tmp_path) == []
    assert complete("berth run node --", tmp_path) == []
