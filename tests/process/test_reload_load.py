"""
Reloads of servers without a line of shutdown code, under new connections and kept ones in
constant use, with requests that take 0 to 300 ms: not one fails.
"""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

import apps
import clients
import procs
import reloads
from reloads import App, KeptLoad

IS_LONG = bool(os.environ.get("BERTH_TEST_LONG"))
N_RELOADS = int(os.environ.get("BERTH_TEST_RELOADS", 100 if IS_LONG else 4))
N_RELOADS_WITH_KILLS = N_RELOADS if IS_LONG else N_RELOADS // 2
RATE = int(os.environ.get("BERTH_TEST_RATE", 1000 if IS_LONG else 300))
N_KEPT = 100
N_WORKERS = 4
OPTIONS = ("--drain", "2500ms", "--idle-close", "500ms", "--watch", "300ms", "--undo", "off")

HERE = Path(__file__).resolve().parent
SERVERS = HERE.parent / "servers"


def node(place, port):
    return [apps.need("node"), apps.copied(SERVERS / "tardy.js", place), port]


def python(place, port):
    return [apps.PYTHON, apps.copied(SERVERS / "tardy.py", place), port]


def go(place, port):
    program = place / "tardy-go"
    subprocess.run(
        [apps.need("go"), "build", "-o", program, SERVERS / "tardy.go"],
        env={**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off"},
        check=True,
    )
    program.chmod(0o755)
    return [program, port]


class Killer:
    """Kills primaries and members at random, as long as a reload runs."""

    def __init__(self, app, kills_workers):
        self._app = app
        self._kills_workers = kills_workers
        self._dice = random.Random(7)
        self.in_flight = 0  # requests that killed workers may have had

    def during(self, reload):
        while reload.poll() is None:
            time.sleep(self._dice.uniform(0.1, 0.8))
            if self._kills_workers and self._dice.random() < 0.5:
                self._kill_worker()
            else:
                self._app.family.kill_primary()

    def _kill_worker(self):
        """It stands still first, so that what it has accepted can be counted."""
        victim = self._dice.choice(sum(self._app.family.workers().values(), []))
        procs.kill_quietly(victim, signal.SIGSTOP)
        procs.wait_until(lambda: stands_still(victim), "it stands still")
        self.in_flight += n_sockets(victim)
        procs.kill_quietly(victim)


def stands_still(pid):
    """All of its threads, or it has ended."""
    try:
        stats = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/stat")]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return all(stat.rpartition(")")[2].split()[0] in "TZX" for stat in stats)


def n_sockets(pid):
    """How many it has: its clients' connections, and one or two more."""
    try:
        return sum(link.startswith("socket:") for link in procs.fds_of(pid).values())
    except FileNotFoundError:
        return 0


class Loads:
    """New connections, and kept ones."""

    def __init__(self, start_load, spawn, port):
        seconds = 7200 if IS_LONG else 100
        self._new = start_load("--open", RATE, "--seconds", seconds, port)
        self._new.wait_begun()
        self._kept = KeptLoad(spawn, port, N_KEPT)

    def stop(self):
        """Returns how many failed of each kind; prints the figures."""
        new, kept = self._new.stop(), self._kept.stop()
        figures = {"new": {"ok": new["ok"], **clients.failures_of(new)}, "kept": kept}
        print(json.dumps(figures))
        assert new["ok"] > 0 and kept["ok"] > 0, figures
        return sum(clients.failures_of(new).values()), sum(kept["failures"].values()), figures


@pytest.fixture
def loaded(berth_run, programs, place, steered, start_load, spawn, request):
    """Starts an app and its loads."""

    def start(server, options=OPTIONS):
        if IS_LONG:
            signal.alarm(3600)
        app = App(
            berth_run, programs, place, *options, tier=steered, n_workers=N_WORKERS, server=server
        )
        return app, Loads(start_load, spawn, app.port)

    return start


@pytest.mark.slow
@pytest.mark.parametrize("server", [node, python, go])
def test_no_request_fails_in_reloads_of_a_server_without_shutdown_code(loaded, server):
    app, loads = loaded(server)
    for _ in range(N_RELOADS if server is node or IS_LONG else 2):
        app.reload("--timeout", "60s")
    n_new, n_kept, figures = loads.stop()
    assert (n_new, n_kept) == (0, 0), figures
    app.wait_only_members()
    app.assert_serves()
    app.run.stop()


def reload_and_kill(app, killer):
    """One reload, whatever becomes of it: it goes on, is rolled back, or could not be asked for."""
    reload = app.start("reload", "--timeout", "60s")
    killer.during(reload)
    reloads.ended(reload)
    app.family.primary()
    app.wait_phase("done", "rolled-back", "none")


def assert_goes_on(app):
    app.wait_only_members()
    app.reload("--timeout", "60s")
    app.wait_only_members()
    app.assert_serves()


@pytest.mark.slow
def test_no_request_fails_in_reloads_in_which_the_primary_is_killed(loaded):
    app, loads = loaded(node)
    for _ in range(N_RELOADS_WITH_KILLS):
        reload_and_kill(app, Killer(app, kills_workers=False))
    assert_goes_on(app)
    n_new, n_kept, figures = loads.stop()
    assert (n_new, n_kept) == (0, 0), figures
    app.family.assert_no_primary_crashed()
    app.run.stop()


@pytest.mark.slow
def test_only_what_a_killed_worker_had_accepted_fails_in_reloads(loaded):
    app, loads = loaded(node)
    killer = Killer(app, kills_workers=True)
    for _ in range(N_RELOADS_WITH_KILLS):
        reload_and_kill(app, killer)
    assert_goes_on(app)
    n_new, n_kept, figures = loads.stop()
    print(f"{n_new + n_kept} failed, at most {killer.in_flight} of killed workers")
    assert n_new + n_kept <= killer.in_flight, (killer.in_flight, figures)
    app.run.stop()


def test_what_the_load_did_not_see_as_it_stood_still_has_not_failed(start_load, spawn, place):
    """It says of a server what that has lost, and not what happens to itself."""
    port = clients.free_port()
    spawn(node(place, port), stdout=subprocess.PIPE).stdout.readline()  # it listens
    load = start_load("--open", 100, "--timeout-ms", 1500, "--seconds", 3, port)
    load.wait_begun()
    load.stand_still(2)
    figures = load()
    assert figures["ok"] > 290 and not sum(clients.failures_of(figures).values()), figures
