"""
Reloads of servers without a line of shutdown code, under new connections and kept ones in
constant use, with requests that take 0 to 300 ms: not one fails.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import apps
import clients
import reloads
from family import Family
from reloads import App

IS_LONG = bool(os.environ.get("BERTH_TEST_LONG"))
N_RELOADS = int(os.environ.get("BERTH_TEST_RELOADS", 100 if IS_LONG else 4))
RATE = int(os.environ.get("BERTH_TEST_RATE", 1000 if IS_LONG else 300))
N_KEPT = 100
N_WORKERS = 4
OPTIONS = ("--drain", "6s", "--idle-close", "1s", "--watch", "1s", "--undo", "off")
OPTIONS_SHORT = ("--drain", "2500ms", "--idle-close", "500ms", "--watch", "300ms", "--undo", "off")

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


class KeptLoad:
    """kept_load.py at work."""

    def __init__(self, spawn, port):
        self._process = spawn(
            [sys.executable, HERE / "kept_load.py", port, N_KEPT], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout.readline() == "begun\n"

    def stop(self):
        self._process.send_signal(signal.SIGINT)
        return json.loads(self._process.communicate(timeout=30)[0])


class Loads:
    """New connections, and kept ones."""

    def __init__(self, start_load, spawn, port):
        seconds = 7200 if IS_LONG else 100
        self._new = start_load("--open", RATE, "--seconds", seconds, port)
        self._new.wait_begun()
        self._kept = KeptLoad(spawn, port)

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

    def start(server, options=OPTIONS if IS_LONG else OPTIONS_SHORT):
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
