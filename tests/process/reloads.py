"""An app that is deployed anew: a command that can be exchanged, and what reloads it."""

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import clients
import control
import procs
from berthrun import event
from family import Family

DONE = 0
USAGE = 2
NOT_RUNNING = 3
ROLLED_BACK = 6
NO_PRIMARY = 7
DEADLINE = 124

HERE = Path(__file__).resolve().parent

BRISK = ("--drain", "2s", "--idle-close", "200ms", "--watch", "200ms")


class App:
    """A run of the command `current`, which deploy() exchanges; its family, and its API.

    With @first, a function of this, that deploys what it begins with, and need not come up.
    """

    def __init__(self, berth_run, programs, place, *options, tier=None, n_workers=2, server=None,
                 has_listen=False, first=None):  # fmt: skip
        self.programs = programs
        self.place = place
        self.port = clients.free_port()
        self.n_workers = n_workers
        self.current = place / "current"
        self._n_deployed = 0
        command = server(place, self.port) if server else [programs.hello, self.port]
        self._good = "exec " + " ".join(map(str, command))
        self.deploy_good()
        options = [str(each).replace("{port}", str(self.port)) for each in options or BRISK]
        if first:
            first(self)
        run_options = ["-n", n_workers, "--name", "web", *options]
        run_options += ["--listen", self.port] if has_listen else []
        self.run = berth_run([*run_options, "--", self.current], tier=tier)
        self.family = Family(self.run)
        if not first:
            self.run.wait_listening(n_workers)
            self.family.wait_whole(n_workers)

    @functools.cached_property
    def directory(self):
        return procs.environ_of(self.run.pid)["BERTH_RUNTIME_DIR"]

    # What is on the disk

    def deploy(self, script):
        """From now on the command is this one."""
        self._n_deployed += 1
        path = self.place / f"release-{self._n_deployed}"
        path.write_text(script if script.startswith("#!") else f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        link = self.place / "next"
        link.symlink_to(path)
        os.replace(link, self.current)

    def deploy_good(self):
        self.deploy(self._good)

    def deploy_nothing(self):
        self.current.unlink()

    # What is asked of berth

    def start(self, *args):
        process = subprocess.Popen(
            [self.programs.berth, *map(str, args)],
            env={**os.environ, "BERTH_RUNTIME_DIR": self.directory},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        procs.OURS.add(process.pid)
        return process

    def berth(self, *args, timeout_s=30):
        """Returns the exit code and what was printed."""
        return ended(self.start(*args), timeout_s)

    def reload(self, *args, code=DONE):
        seen, text = self.berth("reload", *args)
        assert seen == code, f"exit code {seen}, not {code}: {text}\n{self.run.output()}"
        return text

    def state(self):
        _, _, document = control.request(f"{self.directory}/web.sock", "GET", "/v1/reload")
        return document

    def slots(self):
        _, _, document = control.request(f"{self.directory}/web.sock", "GET", "/v1/app")
        return document["slots"]

    def in_state(self, *states):
        return [slot for slot in self.slots() if slot["state"] in states]

    def wait_phase(self, *phases):
        def now():
            phase = self.state()["state"]
            return phase if phase in phases else None

        return procs.wait_until(now, lambda: f"{phases}, not {self.state()}")

    def wait_said(self, name, since=0, **wanted):
        return self.run.wait_for(event(name, **wanted), since=since)

    def held(self):
        """What the keeper holds, once nothing is on its way to it."""
        def at_rest():
            both = (self.family.primary_now(), self.family.keeper)
            return all(pid and procs.state_of(pid) == "S" for pid in both)

        procs.wait_until(at_rest, "nothing is on its way to the keeper")
        return self.family.fds()

    # Whether it serves

    def assert_serves(self, n_workers=None):
        """By its members, and nobody else is there."""
        workers = set(self.family.wait_whole(n_workers or self.n_workers).values())
        assert set(clients.tally(self.port, 8)) <= workers

    def wait_only_members(self):
        procs.wait_until(
            lambda: all(slot["role"] == "member" for slot in self.slots()), "only members"
        )


class KeptLoad:
    """kept_load.py at work."""

    def __init__(self, spawn, port, n_clients):
        self._process = spawn(
            [sys.executable, HERE / "kept_load.py", port, n_clients],
            stdout=subprocess.PIPE, text=True,
        )
        assert self._process.stdout.readline() == "begun\n"

    def stop(self):
        self._process.send_signal(signal.SIGINT)
        return json.loads(self._process.communicate(timeout=30)[0])


def n_steered(app):
    _, _, document = control.request(f"{app.directory}/web.sock", "GET", "/v1/berths")
    return {b["slot"]: b["steered"] for b in document["berths"] if b["state"] == "open"}


def hold_all(app):
    """Each member has a connection that doesn't end. Returns them, to be closed."""
    before = n_steered(app)
    held = contextlib.ExitStack()
    while any(n == before[slot] for slot, n in n_steered(app).items()):
        held.enter_context(hold_a_connection(app))
    return held


def generations(app):
    """Of the members, by slot."""
    return {slot["slot"]: slot["generation"] for slot in app.slots() if slot["role"] == "member"}


def hold_a_connection(app):
    """Of a client that has begun to ask, and doesn't end."""
    client = clients.connect(app.port)
    client.sendall(b"GET / HTTP/1.1\r\n")
    return client


def ended(process, timeout_s=30):
    """Waits for a command. Returns its exit code and what it printed."""
    try:
        text, _ = process.communicate(timeout=timeout_s)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    return process.returncode, text


@contextlib.contextmanager
def served(start_load, port, n_may_fail=0, rate=150):
    """Clients come all the time; each is served."""
    load = start_load("--open", rate, "--seconds", 110, port)
    load.wait_begun()
    yield
    figures = load.stop()
    assert figures["ok"] > 0, figures
    assert sum(clients.failures_of(figures).values()) <= n_may_fail, figures


def steps_of(text):
    """The steps that --json has printed."""
    return [json.loads(line) for line in text.splitlines()]
