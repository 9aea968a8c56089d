"""kill -9 the keeper: the primary makes another, and nobody notices."""

import os
import shutil
import signal
from pathlib import Path

import pytest

import apps
import clients
import procs
from berthrun import event
from conftest import BERTH_PROGRAMS, REPO
from family import Family, reap_adopted

FAULT_BUILD = REPO / "build-fault"

TALKER = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("armed", flush=True)
for number in range(100):
    signal.sigwait([signal.SIGUSR1])
    print("said", number, flush=True)
"""


def test_without_its_keeper_berth_serves_and_notices_deaths_and_scales_and_stops(
    berth_run, tier, programs
):
    port = clients.free_port()
    run = berth_run(["-n", 3, "--", programs.hello, port], tier=tier)
    run.wait_listening(3)
    family = Family(run)
    before = family.wait_whole(3)
    primary = family.primary()
    family.kill_keeper()
    assert family.wait_whole(3) == before
    assert family.primary() == primary
    assert clients.get_number(port) in before.values()
    os.kill(before[2], signal.SIGKILL)
    run.wait_for(event("worker_started", slot=2), count=2)
    assert family.wait_whole(3)[2] != before[2]
    family.kill_primary()
    family.primary(other_than=primary)
    os.kill(before[3], signal.SIGKILL)
    run.wait_for(event("worker_started", slot=3), count=2)
    after = family.wait_whole(3)
    assert after[1] == before[1] and after[3] != before[3]
    assert clients.get_number(port) in after.values()
    os.kill(family.keeper, signal.SIGTTIN)
    family.wait_whole(4)
    os.kill(family.keeper, signal.SIGTTOU)
    family.wait_whole(3)
    family.end()


def test_what_the_keeper_says_is_json_where_all_of_it_is(berth_run, shared, programs):
    run = berth_run(["-n", 1, "--", programs.hello, clients.free_port()], tier=shared)
    run.wait_listening(1)
    family = Family(run)
    family.kill_primary()
    line = run.wait_for(event("keeper_says"))[0]
    assert line.fields["message"].startswith("the primary ended (code 0, signal 9); ports and")
    assert line.fields["level"] == "warning" and line.fields["ts"].endswith("Z")
    family.wait_whole(1)
    family.end()
    assert not [line for line in run.matching("") if not line.fields], run.output()


def test_one_keeper_after_the_other_can_be_killed(berth_run, tier, programs):
    port = clients.free_port()
    run = berth_run(["-n", 2, "--", programs.hello, port], tier=tier)
    run.wait_listening(2)
    family = Family(run)
    before = family.wait_whole(2)
    for _ in range(5):
        family.kill_keeper()
        family.wait_whole(2)
        family.kill_primary()
        assert family.wait_whole(2) == before
    assert clients.get_number(port) in before.values()
    family.end()


def test_what_a_worker_writes_after_both_were_killed_is_shown(berth_run, tier):
    run = berth_run(["-n", 1, "--", apps.PYTHON, "-c", TALKER], tier=tier, json_lines=False)
    run.wait_for("| armed")
    family = Family(run)
    worker = family.wait_whole(1)[1]
    family.kill_keeper()
    primary = family.kill_primary()
    family.primary(other_than=primary)
    for number in range(3):
        os.kill(worker, signal.SIGUSR1)
        run.wait_for(f"| said {number}")
    assert not procs.is_gone(worker)
    family.end()


def test_a_primary_that_is_killed_as_soon_as_there_is_a_new_keeper_has_left_it_everything(
    berth_run, tier, programs, place
):
    if not (FAULT_BUILD / "berth").is_file():
        pytest.fail(f"{FAULT_BUILD} is not built: ./dev test does so")
    place.chmod(0o777)
    port = clients.free_port()
    run = berth_run(
        ["-n", 3, "--listen", port, "--", programs.hello, port], tier=tier,
        program=FAULT_BUILD / "berth",
        env={"BERTH_FAULT": "new_keeper_fork:1", "BERTH_FAULT_COUNT": str(place / "count")},
    )  # fmt: skip
    run.wait_listening(3)
    family = Family(run)
    before = family.wait_whole(3)
    primary = family.primary()
    family.end_keeper()
    family.find_keeper()
    procs.wait_until(lambda: procs.is_gone(primary), "the primary is killed")
    assert family.wait_whole(3) == before
    assert clients.get_number(port) in before.values()
    os.kill(before[2], signal.SIGKILL)
    run.wait_for(event("worker_started", slot=2), count=2)
    after = family.wait_whole(3)
    assert after[1] == before[1] and after[3] == before[3]
    os.kill(family.keeper, signal.SIGTERM)
    procs.wait_until(lambda: reap_adopted() == [], "the family has ended", 20)


def copy_programs(programs, place):
    for name in BERTH_PROGRAMS:
        shutil.copy(Path(programs.berth).with_name(name), place / name)
    place.chmod(0o755)
    return place / "berth"


def test_while_no_keeper_can_be_started_the_primary_takes_the_signals(
    berth_run, tier, programs, place
):
    berth = copy_programs(programs, place)
    run = berth_run(["-n", 2, "--", programs.hello, clients.free_port()], tier=tier, program=berth)
    run.wait_listening(2)
    family = Family(run)
    family.wait_whole(2)
    primary = family.primary()
    (place / "berth-keeper").rename(place / "hidden")
    family.end_keeper()
    run.wait_for(f"signals for berth are for this primary (pid {primary}) now")
    os.kill(primary, signal.SIGTTIN)
    run.wait_listening(3)
    os.kill(primary, signal.SIGTERM)
    run.wait_for("stopping 3 workers")
    procs.wait_until(lambda: reap_adopted() == [], "the family has ended", 20)


def test_once_there_is_a_keeper_again_the_signals_are_for_it(berth_run, tier, programs, place):
    berth = copy_programs(programs, place)
    run = berth_run(["-n", 2, "--", programs.hello, clients.free_port()], tier=tier, program=berth)
    run.wait_listening(2)
    family = Family(run)
    before = family.wait_whole(2)
    primary = family.primary()
    (place / "berth-keeper").rename(place / "hidden")
    family.end_keeper()
    run.wait_for("signals for berth are for this primary")
    (place / "hidden").rename(place / "berth-keeper")
    family.find_keeper()
    run.wait_for(f"another one (pid {family.keeper}) has everything")
    os.kill(primary, signal.SIGTERM)
    os.kill(family.keeper, signal.SIGTTIN)
    family.wait_whole(3)
    assert not run.matching("stopping"), run.output()
    family.kill_primary()
    assert before.items() <= family.wait_whole(3).items()
    family.end()
