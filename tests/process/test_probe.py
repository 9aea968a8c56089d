"""Workers that are asked whether they are well: before they serve, and as long as they do."""

import pytest

import clients
import procs
from apps import PYTHON, SERVERS, copied
from berthrun import event
from family import Family

QUICK = ["--probe-interval", "50ms"]


@pytest.fixture
def probed(place):
    """The command of a server that passes its probe while there is a file `well`."""

    def command(*addresses):
        return [PYTHON, copied(SERVERS / "probed.py", place), place, *addresses]

    return command


def is_said(text):
    """A line of a worker's own."""

    def matches(line):
        return line.event is None and line.fields.get("message") == text

    return matches


became_ready = event("worker_state", message="starting -> ready")


def test_a_worker_that_waits_for_its_probe_is_asked_by_the_next_primary_too(
    berth_run, tier, probed, place
):
    port = clients.free_port()
    run = berth_run(["-n", 1, *QUICK, "--probe", "http:/health", "--", *probed(port)], tier=tier)
    family = Family(run)
    run.wait_for(is_said("asked"))
    dead = family.kill_primary()
    family.primary(other_than=dead)
    since = run.n_lines()
    run.wait_for(is_said("asked"), since=since)
    assert not run.matching(became_ready), run.output()
    (place / "well").touch()
    run.wait_for(became_ready)
    assert clients.get_number(port) == run.workers()[1]
    run.stop()


def test_a_worker_that_serves_and_fails_its_probe_is_replaced_by_the_next_primary_too(
    berth_run, steered, probed, place
):
    port = clients.free_port()
    (place / "well").touch()
    options = [*QUICK, "--probe", "http:/health"]
    run = berth_run(["-n", 1, *options, "--", *probed(port)], tier=steered)
    family = Family(run)
    run.wait_for(became_ready)
    victim = run.workers()[1]
    assert clients.get_number(port) == victim  # by then its primary has noted that it is ready
    dead = family.kill_primary()
    family.primary(other_than=dead)
    (place / "well").unlink()
    unwell = run.wait_for(event("worker_unwell", pid=victim))[0]
    assert "503" in unwell.fields["message"]
    procs.wait_until_gone(victim)
    (place / "well").touch()
    run.wait_for(lambda line: became_ready(line) and line.fields["pid"] != victim)
    assert clients.get_number(port) != victim
    run.stop()


def test_a_worker_that_only_accepts_passes_a_probe_by_a_connection(berth_run, tier, probed):
    port = clients.free_port()
    run = berth_run(["-n", 1, *QUICK, "--probe", "tcp", "--", *probed(port)], tier=tier)
    run.wait_for(became_ready)
    run.stop()


def test_a_probe_with_a_port_of_its_own_asks_an_app_at_a_unix_socket(
    berth_run, steered, probed, place
):
    port = clients.free_port()
    options = [*QUICK, "--private", port, "--probe", f"http://:{port}/health"]
    run = berth_run(["-n", 1, *options, "--", *probed(place / "socket", port)], tier=steered)
    run.wait_for(is_said("asked"))
    (place / "well").touch()
    run.wait_for(became_ready)
    run.stop()


def test_that_there_is_no_port_to_ask_is_said(berth_run, steered, probed, place):
    options = [*QUICK, "--ready-timeout", "3s", "--probe", "tcp"]
    run = berth_run(["-n", 1, *options, "--", *probed(place / "socket")], tier=steered)
    late = run.wait_for(event("worker_late"))[0]
    assert "no TCP port" in late.fields["message"], late
    run.stop()


def test_a_command_decides_with_the_workers_port_in_its_environment(
    berth_run, steered, probed, place
):
    port = clients.free_port()
    probe = f"exec:test -e {place}/well && test $BERTH_PORT = {port} && kill -0 $BERTH_PID"
    run = berth_run(["-n", 1, *QUICK, "--probe", probe, "--", *probed(port)], tier=steered)
    family = Family(run)
    run.wait_listening(1)
    dead = family.kill_primary()
    family.primary(other_than=dead)
    assert not run.matching(became_ready), run.output()
    (place / "well").touch()
    run.wait_for(became_ready)
    run.stop()


def test_of_several_unwell_workers_the_last_one_that_serves_stays(
    berth_run, steered, probed, place
):
    port = clients.free_port()
    (place / "well").touch()
    run = berth_run(
        ["-n", 3, *QUICK, "--probe", "http:/health", "--", *probed(port)], tier=steered
    )
    run.wait_for(became_ready, count=3)
    workers = set(run.workers().values())
    (place / "well").unlink()
    spared = run.wait_for(event("worker_spared"))[0].fields["pid"]
    for pid in workers - {spared}:
        procs.wait_until_gone(pid)
    assert {clients.get_number(port) for _ in range(20)} == {spared}
    (place / "well").touch()
    run.wait_for(became_ready, count=5)
    assert clients.get_number(port)
    assert not procs.is_gone(spared)
    run.stop()


def test_an_unwell_worker_may_answer_those_that_it_has(berth_run, steered, programs, place):
    port = clients.free_port()
    well = place / "well"
    well.touch()
    run = berth_run(
        ["-n", 2, *QUICK, "--probe", f"exec:test -e {well} || test $BERTH_SLOT = 2",
         "--", "sh", "-c", "trap 'sleep 0.3; exit 0' TERM; $0 $1 & wait; wait",
         programs.hello, port],
        tier=steered,
    )  # fmt: skip
    run.wait_for(became_ready, count=2)
    well.unlink()
    run.wait_for(event("worker_unwell"))
    # It was asked to stop, and had the time that it took: it wasn't killed.
    ended = run.wait_for(lambda line: line.event in ("worker_stopped", "worker_ended"))[0]
    assert "signal 9" not in ended.text, run.output()
    run.stop()
