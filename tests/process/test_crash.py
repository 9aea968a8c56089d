"""kill -9 under load: only what a killed worker had already accepted is lost."""

import os
import random
import signal
import time

import pytest

import clients
import procs
from berthrun import event

SECONDS = 20
KILLS_PER_S = 10
N_WORKERS = 4
CUT_OFF = {"reset_before_response", "eof_before_response", "bad_response"}


class Pids:
    """Who works in which slot, from berth's own events."""

    def __init__(self, run):
        self._run = run
        self._n_read = 0
        self._by_slot = {}

    def now(self):
        since, self._n_read = self._n_read, self._run.n_lines()
        for line in self._run.matching(
            lambda line: line.event in ("worker_started", "worker_exited"), since
        ):
            slot = line.fields["slot"]
            if line.event == "worker_started":
                self._by_slot[slot] = line.fields["pid"]
            elif self._by_slot.get(slot) == line.fields["pid"]:
                del self._by_slot[slot]
        return sorted(self._by_slot.values())


def serve(berth_run, tier, server, n_workers=N_WORKERS):
    port = clients.free_port()
    run = berth_run(["-n", n_workers, "--", server, port], tier=tier)
    run.wait_listening(n_workers)
    return run, port


def kill_at_a_pace(victims_at, until, per_s):
    """Kills whom victims_at() names, so many times a second. Returns how many were killed."""
    n_killed = 0
    due = time.monotonic()
    while due < until:
        time.sleep(max(0, due - time.monotonic()))
        for pid in victims_at():
            procs.kill_quietly(pid)
            n_killed += 1
        due += 1 / per_s
    return n_killed


def assert_only_cut_off(figures, n_killed):
    """Nobody was refused. A slow machine kills and sends less often, and loses no more for it."""
    failures = clients.failures_of(figures)
    assert set(failures) <= CUT_OFF, failures
    assert figures["failed"] <= n_killed, (failures, n_killed)
    assert figures["ok"] + figures["failed"] == figures["sent"]
    assert n_killed > 0 and figures["ok"] > 0, "nothing was tried"


@pytest.mark.slow
def test_killing_a_random_worker_ten_times_a_second_loses_only_what_it_had_accepted(
    berth_run, tier, programs, start_load
):
    run, port = serve(berth_run, tier, programs.blocking)
    pids = Pids(run)
    dice = random.Random(1)

    def a_random_worker():
        alive = pids.now()
        return [dice.choice(alive)] if alive else []

    load = start_load("--open", 2000, "--seconds", SECONDS, port)
    n_killed = kill_at_a_pace(a_random_worker, time.monotonic() + SECONDS - 0.5, KILLS_PER_S)
    assert_only_cut_off(load(), n_killed)
    run.stop()


def test_with_one_worker_that_is_killed_again_and_again_nobody_is_refused(
    berth_run, tier, programs, start_load
):
    run, port = serve(berth_run, tier, programs.blocking, n_workers=1)
    pids = Pids(run)
    load = start_load("--open", 1000, "--seconds", 4, port)
    n_killed = kill_at_a_pace(pids.now, time.monotonic() + 3.5, per_s=4)
    assert_only_cut_off(load(), n_killed)
    run.stop()


def test_with_all_workers_killed_at_once_nobody_is_refused(berth_run, tier, programs, start_load):
    run, port = serve(berth_run, tier, programs.blocking)
    pids = Pids(run)
    load = start_load("--open", 1000, "--seconds", 4, port)
    n_killed = kill_at_a_pace(pids.now, time.monotonic() + 3.5, per_s=2)
    assert_only_cut_off(load(), n_killed)
    run.stop()


@pytest.mark.parametrize("n_workers", [1, N_WORKERS])
def test_what_waits_in_the_queues_is_answered_by_the_replacements(
    berth_run, tier, programs, n_workers
):
    run, port = serve(berth_run, tier, programs.blocking, n_workers)
    victims = list(run.workers().values())
    for pid in victims:
        os.kill(pid, signal.SIGSTOP)
    for pid in victims:
        procs.wait_until(lambda pid=pid: procs.state_of(pid) == "T", "it has stopped")
    waiting = [clients.start_get(port) for _ in range(100)]
    since = run.n_lines()
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    answers = {clients.finish_get(sock) for sock in waiting}
    run.wait_for(event("worker_listening"), count=n_workers, since=since)
    answered_by = {int(answer.split()[-1]) for answer in answers}
    assert answered_by and not answered_by & set(victims)
    run.stop()
