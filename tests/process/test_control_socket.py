"""A berth whose control socket cannot be had, or is lost."""

import os
import shutil
import subprocess
import time

import pytest

import apps
import clients
import procs
from berthrun import event
from family import Family


def _ps(programs, place):
    return subprocess.run(
        [programs.berth, "ps"],
        env={**os.environ, "BERTH_RUNTIME_DIR": str(place)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.fixture
def lost(berth_run, programs, shared):
    """A berth whose directory of sockets is gone; its family; the directory."""
    command = [programs.hello, clients.free_port()]
    run = berth_run(["-n", 1, "--name", "web", "--", *command], tier=shared)
    run.wait_listening(1)
    family = Family(run)
    family.wait_whole(1)
    place = procs.environ_of(run.pid)["BERTH_RUNTIME_DIR"]
    shutil.rmtree(place)
    return run, family, place


def test_a_socket_whose_directory_is_gone_is_made_anew_by_the_next_primary(lost, programs):
    run, family, place = lost
    family.kill_primary()
    run.wait_for(event("control_anew"))
    assert _ps(programs, place).returncode == 0
    family.kill_primary()
    family.wait_whole(1)
    procs.wait_until(lambda: _ps(programs, place).returncode == 0, "the next one answers there")
    assert len(run.matching(event("control_anew"))) == 1
    family.end()
    assert not os.listdir(place)


def test_another_berth_that_has_taken_the_name_is_told_of(lost, berth_run, programs, shared):
    run, family, place = lost
    other = berth_run(
        ["-n", 1, "--name", "web", "--", programs.hello, clients.free_port()],
        tier=shared,
        env={"BERTH_RUNTIME_DIR": place},
    )
    other.wait_listening(1)
    family.kill_primary()
    line = run.wait_for(event("no_control"))[0]
    assert "another berth has this name" in line.fields["message"]
    other.stop()
    family.kill_primary()
    run.wait_for(event("control_anew"))
    assert _ps(programs, place).returncode == 0
    family.end()


def test_a_path_that_is_too_long_is_named_with_its_limit(berth_run, place):
    deep = place / ("x" * 100)
    run = berth_run(
        ["-n", 1, "--name", "web", "--", apps.PYTHON, "-c", "import time; time.sleep(60)"],
        env={"BERTH_RUNTIME_DIR": str(deep)},
    )
    message = run.wait_for(event("no_control"))[0].fields["message"]
    assert f"{deep}/web.sock" in message and "108" in message
    run.stop()


def test_who_asks_right_after_the_start_waits_for_the_socket(berth, programs, spawn, tmp_path):
    environment = {**os.environ, "BERTH_RUNTIME_DIR": str(tmp_path / "run")}
    command = [programs.hello, clients.free_port()]
    run = spawn(
        [programs.berth, "run", "--mode", "shared", "-n", 1, "--name", "web", "--", *command],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    done = berth("stop", "web", env=environment)
    assert done.returncode == 0, done
    assert run.wait(20) == 0


def test_a_berth_that_starts_elsewhere_is_not_waited_for(lost, berth, tmp_path):
    began = time.monotonic()
    environment = {**os.environ, "BERTH_RUNTIME_DIR": str(tmp_path / "other")}
    assert berth("stop", "web", env=environment).returncode == 7
    assert time.monotonic() - began < 1.5
    lost[1].end()
