"""A deploy that is no good, of each kind, on each occasion on which berth starts workers.

Who serves goes on serving, what is wrong is said, and the next good reload mends it.
"""

import contextlib
import dataclasses
import functools
import os
import signal

import pytest

import clients
import procs
import reloads
from berthrun import event
from conftest import SHARED, STEERED, require
from reloads import App

A_WHILE_S = 5 if os.environ.get("BERTH_TEST_LONG") else 0.3
NOT_FOUND = 127
OPTIONS = ("--drain", "1s", "--idle-close", "200ms", "--undo", "off", "--ready-timeout", "1500ms",
           "--watch", f"{1000 * A_WHILE_S + 1000:.0f}ms", "--stop-timeout", "1s")  # fmt: skip
PROBE = ("--probe", "http:/healthz", "--probe-interval", "100ms")

# One that answers a probe with an error, and one that cannot bear a client.
SAYS_500 = """#!/usr/bin/python3
import socket
listener = socket.create_server(("", {port}), backlog=128)
print("all is lost", flush=True)
while True:
    client, _ = listener.accept()
    client.recv(4096)
    client.sendall(b"HTTP/1.1 500 Oh\\r\\nConnection: close\\r\\nContent-Length: 0\\r\\n\\r\\n")
    client.close()
"""
CRASHES = """#!/usr/bin/python3
import os, socket
listener = socket.create_server(("", {port}), backlog=128)
listener.accept()
print("cannot bear clients", flush=True)
os._exit(5)
"""


@dataclasses.dataclass
class Bad:
    """What is deployed, and what is said of it where a worker of it comes up."""

    name: str
    script: str | None  # with {hello}, {port} and {other} to be filled in; None: there's none
    event: str
    words: str  # of that event
    last_words: str = ""
    comes_up: bool = False  # and fails then, by itself or by the first client
    options: tuple = PROBE
    reload: tuple = ()  # options of the reload that finds it out


BAD = (
    Bad("exits at once", "echo my settings are wrong >&2; exit 3",
        "worker_exited", "ended with exit code 3", "my settings are wrong"),
    Bad("exits after a while", f"{{hello}} {{port}} & sleep {A_WHILE_S}; echo had enough; exit 4",
        "worker_exited", "ended with exit code 4", "had enough", comes_up=True),
    Bad("never listens", "echo waits for Godot; exec sleep 1000",
        "worker_late", "is not ready after 1.5 s: it listens nowhere", "waits for Godot"),
    Bad("listens on another port", "exec {hello} {other}",
        "worker_late", ":{port}, but on 0.0.0.0:{other}", "listens on"),
    Bad("answers 500 to the probe", SAYS_500,
        "worker_late", "its probe fails: ", "all is lost"),
    Bad("crashes on its first request", CRASHES,
        "worker_exited", "ended with exit code 5", "cannot bear clients", comes_up=True,
        options=(), reload=("--canary", "30%", "--watch", "20s")),
    Bad("command missing", None,
        "worker_failed", "could not execute its command: No such file or directory"),
)  # fmt: skip
NO_PROGRAM = Bad("is no program", "#!/nonexistent/interpreter",
                 "worker_failed", "could not execute its command")  # fmt: skip
# Without steering there are fewer things to see; these are what a worker itself tells.
IN_SHARED = [bad for bad in BAD if bad.name in ("exits at once", "never listens", "command missing")]


def each(bad, also_shared=False):
    cases = [(each, STEERED) for each in bad]
    cases += [(each, SHARED) for each in IN_SHARED if also_shared]
    ids = [f"{each.name.replace(' ', '-')}-{tier.name}" for each, tier in cases]
    return pytest.mark.parametrize("bad, tier", cases, ids=ids)


class Deploys:
    """An app, and what is deployed of it; it begins with a good one, or with the bad one."""

    def __init__(self, make_app, bad, tier, is_bad_first):
        self.bad = bad
        self.other = clients.free_port()
        self.since = 0
        first = self.deploy_bad if is_bad_first else None
        options = OPTIONS + (bad.options if tier.is_steered else ())
        self.app = make_app(*options, tier=tier, has_listen=True, first=first)
        self.run = self.app.run
        if not is_bad_first:
            self.run.wait_for(event("app_ready"))
            self.since = self.run.n_lines()

    def text(self, text, app=None):
        app = app or self.app
        return text.format(hello=app.programs.hello, port=app.port, other=self.other)

    def deploy_bad(self, app):
        if self.bad.script is None:
            app.deploy_nothing()
        else:
            app.deploy(self.text(self.bad.script, app))

    def wait_said(self, **wanted):
        """That it fails, and in which way, and what it had to say itself."""
        named = event(self.bad.event, **wanted)
        words = self.text(self.bad.words)
        self.run.wait_for(
            lambda line: named(line) and words in line.fields["message"], since=self.since
        )
        if self.bad.last_words:
            self.run.wait_for(self.bad.last_words, since=self.since)

    def n_deaths(self):
        return len(self.run.matching(event("worker_exited"), self.since))

    @contextlib.contextmanager
    def served(self, start_load):
        """Clients come all the time: but for those whom a bad worker has taken, all are served."""
        app = self.app
        load = start_load("--open", 150, "--seconds", 110, app.port)
        load.wait_begun()
        yield
        figures = load.stop()
        # Each that dies may have had one, and have been sent another just then.
        n_may_fail = 2 * (self.n_deaths() + 1) if self.bad.comes_up else 0
        failures = clients.failures_of(figures)
        assert figures["ok"] > 0 and sum(failures.values()) <= n_may_fail, (failures, n_may_fail)

    def mend(self, n_workers=2):
        """A good one is deployed, and all is well."""
        self.app.deploy_good()
        before = {slot["slot"]: slot["pid"] for slot in self.app.slots()}
        self.app.reload("--watch", "0s")
        members = [slot for slot in self.app.slots() if slot["role"] == "member"]
        assert len(members) == n_workers, members
        for slot in members:
            assert slot["state"] == "ready" and slot["pid"] != before.get(slot["slot"]), members
        serving = {slot["pid"] for slot in members}
        procs.wait_until(
            lambda: set(clients.tally(self.app.port, 4)) <= serving, "nobody else serves"
        )


@pytest.fixture
def make(berth_run, programs, place):
    def make(bad, tier, is_bad_first=False):
        require(tier)
        make_app = functools.partial(App, berth_run, programs, place)
        return Deploys(make_app, bad, tier, is_bad_first)

    return make


@each(BAD)
def test_on_first_start(make, bad, tier):
    deploys = make(bad, tier, is_bad_first=True)
    if bad.script is None:  # what cannot be there by mistake alone
        deploys.run.wait_for("command not found")
        deploys.run.ends_with(NOT_FOUND)
        return
    if bad.comes_up:
        deploys.run.wait_listening(2)
        with contextlib.suppress(OSError), clients.connect(deploys.app.port) as client:
            client.recv(1)
    deploys.wait_said()
    assert deploys.run.process.poll() is None, "berth goes on"
    deploys.mend()
    deploys.run.stop()


@each([*BAD, NO_PROGRAM], also_shared=True)
def test_on_reload(make, start_load, bad, tier):
    deploys = make(bad, tier)
    app = deploys.app
    before = app.family.wait_whole(2)
    with deploys.served(start_load):
        deploys.deploy_bad(app)
        text = app.reload(*bad.reload, code=reloads.ROLLED_BACK)
        assert deploys.text(bad.words) in text and bad.last_words in text, text
        assert not bad.last_words or "it wrote last: " in text, text
        assert app.family.wait_whole(2) == before
        deploys.mend()
    app.run.stop()


@each(BAD, also_shared=True)
def test_on_scale(make, start_load, bad, tier):
    deploys = make(bad, tier)
    app = deploys.app
    before = app.family.wait_whole(2)
    with deploys.served(start_load):
        deploys.deploy_bad(app)
        assert app.berth("scale", "3")[0] == reloads.DONE
        deploys.wait_said(slot=3)
        assert {slot: app.run.workers()[slot] for slot in before} == before
        deploys.mend(3)
    app.run.stop()


@each(BAD)
def test_on_recycle(make, start_load, bad, tier):
    deploys = make(bad, tier)
    app = deploys.app
    before = app.family.wait_whole(2)
    with deploys.served(start_load):
        deploys.deploy_bad(app)
        code, text = app.berth("drain", "2")
        if bad.comes_up:
            assert code == reloads.DONE, text
            deploys.wait_said(slot=2)
        else:
            assert code == reloads.ROLLED_BACK, text
            assert deploys.text(bad.words) in text and bad.last_words in text, text
            assert app.family.wait_whole(2) == before
        assert app.run.workers()[1] == before[1]
        deploys.mend()
    app.run.stop()


def test_where_nobody_is_left_to_serve_a_good_reload_mends_it(make, tier):
    """All have died, and the command has been no good since."""
    deploys = make(BAD[0], tier)
    deploys.deploy_bad(deploys.app)
    for pids in deploys.app.family.workers().values():
        os.kill(pids[0], signal.SIGKILL)
    deploys.run.wait_for(BAD[0].last_words, count=4)
    deploys.wait_said()
    deploys.mend()
    deploys.run.stop()
