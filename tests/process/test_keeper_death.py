"""kill -9 the keeper: the primary makes another, and nobody notices."""

import os
import signal

import apps
import clients
import procs
from berthrun import event
from family import Family

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
