"""kill -9 the primary, again and again: nobody notices."""

import os
import random
import re
import signal
import time

import pytest

import apps
import clients
import procs
from berthrun import event
from family import Family, at_a_pace

IS_LONG = bool(os.environ.get("BERTH_TEST_LONG"))
SECONDS = 60 if IS_LONG else 5
PRIMARIES_PER_S = 5
N_WORKERS = 4
QUICK_RELOAD = ["--watch", "off", "--undo", "off"]
RATE = 2000
N_KEPT = 200
CUT_OFF = {"reset_before_response", "eof_before_response", "bad_response"}

pytestmark = pytest.mark.slow


def start_loads(start_load, new_at, kept_at):
    """New connections and kept ones, both for longer than anything that is done to berth."""
    seconds = ["--seconds", SECONDS + 30]
    return (
        start_load("--open", RATE, *seconds, new_at),
        start_load("--keep-alive", N_KEPT, "--think-ms", 100, *seconds, kept_at),
    )


def assert_no_failure(figures):
    assert not clients.failures_of(figures), figures
    assert figures["ok"] > 0, "nothing was tried"


def test_with_the_primary_killed_five_times_a_second_no_request_fails(
    berth_run, tier, programs, start_load
):
    port = clients.free_port()
    run = berth_run(["-n", N_WORKERS, "--", programs.hello, port], tier=tier)
    run.wait_listening(N_WORKERS)
    family = Family(run)
    before = family.wait_whole(N_WORKERS)
    held = family.fds()
    loads = start_loads(start_load, port, port)
    n_killed = at_a_pace(family.kill_primary, SECONDS, PRIMARIES_PER_S)
    for load in loads:
        assert_no_failure(load.stop())
    assert n_killed >= SECONDS * PRIMARIES_PER_S - 1
    assert family.wait_whole(N_WORKERS) == before
    family.wait_fds(held)
    family.end()


def two_servers(programs, new_at, kept_at):
    """Each worker: one connection at a time, so that what a kill costs is known; and kept ones."""
    return ["--", "sh", "-c", '"$0" "$2" & exec "$1" "$3"', programs.hello, programs.blocking,
            kept_at, new_at]  # fmt: skip


class Killer:
    """In each second five primaries, two workers, and one upgrade, in ten ticks."""

    def __init__(self, family):
        self._family = family
        self._dice = random.Random(1)
        self._n_ticks = 0
        self.n_workers = 0

    def tick(self):
        self._n_ticks += 1
        if self._n_ticks % 10 == 5:
            os.kill(self._family.keeper, signal.SIGUSR2)
        elif self._n_ticks % 5 == 1:
            self._kill_a_worker()
        if self._n_ticks % 2 == 0:
            self._family.kill_primary()

    def _kill_a_worker(self):
        leaders = sum(self._family.workers().values(), [])
        if leaders:
            self.n_workers += 1
            procs.kill_quietly(self._dice.choice(leaders))


def assert_only_cut_off(figures, most):
    """Nobody was refused, and no more were cut off than those killed can have accepted."""
    failures = clients.failures_of(figures)
    assert set(failures) <= CUT_OFF, figures
    assert figures["failed"] <= most, (figures, most)
    assert figures["ok"] > 0, "nothing was tried"


def test_with_primaries_and_workers_killed_and_upgrades_only_what_a_worker_had_is_lost(
    berth_run, tier, programs, start_load
):
    new_at, kept_at = (clients.free_port() for _ in range(2))
    run = berth_run(["-n", N_WORKERS, *QUICK_RELOAD, *two_servers(programs, new_at, kept_at)], tier=tier)
    run.wait_listening(2 * N_WORKERS)
    family = Family(run)
    family.wait_whole(N_WORKERS)
    held = family.fds()
    new, kept = start_loads(start_load, new_at, kept_at)
    killer = Killer(family)
    at_a_pace(killer.tick, SECONDS, 2 * PRIMARIES_PER_S)
    assert killer.n_workers >= SECONDS
    assert run.matching(event("upgraded")), "no upgrade came to its end"
    family.wait_whole(N_WORKERS)
    family.wait_fds(held)
    family.kill_keeper()
    family.wait_whole(N_WORKERS)
    at_a_pace(family.kill_primary, 1, PRIMARIES_PER_S)
    assert_only_cut_off(new.stop(), killer.n_workers)
    assert_only_cut_off(kept.stop(), killer.n_workers * N_KEPT)
    family.wait_whole(N_WORKERS)
    assert_reloads_scales_and_stops(family)


def assert_reloads_scales_and_stops(family):
    before = family.wait_whole(N_WORKERS)
    os.kill(family.keeper, signal.SIGHUP)
    family.run.wait_for(event("reloaded"), timeout_s=40)
    after = family.wait_whole(N_WORKERS)
    assert not set(before.values()) & set(after.values())
    os.kill(family.keeper, signal.SIGTTIN)
    family.wait_whole(N_WORKERS + 1)
    os.kill(family.keeper, signal.SIGTTOU)
    family.wait_whole(N_WORKERS)
    family.end()
