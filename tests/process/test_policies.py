"""Connections are counted while they live, and each policy gives them to whom it says."""

import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess

import pytest

import clients
import control
import procs
from berthrun import event
from family import Family

N_WORKERS = 4
N_CLIENTS = 64

# Accepts all that come, closes none, and says nothing; closes its socket and ends on USR1.
KEEPS_ALL = """
import os, signal, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=512)
def leave(*_):
    os._exit(0)
signal.signal(signal.SIGUSR1, leave)
kept = []
while True:
    client, _ = server.accept()
    kept.append(client)
    client.sendall(b"%d\\n" % os.getpid())
"""

# Listens, and accepts nothing.
ACCEPTS_NONE = """
import signal, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=512)
while True:
    signal.pause()
"""


class Served:
    """An app and what its primary says of its only port."""

    def __init__(self, berth_run, tier, command, *options, n_workers=N_WORKERS):
        self.port = clients.free_port()
        self.run = berth_run(
            ["-n", n_workers, "--name", "web", *options, "--", *command, self.port], tier=tier
        )
        self.run.wait_listening(n_workers)
        self.directory = procs.environ_of(self.run.pid)["BERTH_RUNTIME_DIR"]

    def ports(self):
        path = f"{self.directory}/web.sock"
        (port,) = control.request(path, "GET", "/v1/ports")[2]["ports"]
        return port

    def live(self):
        """By slot."""
        return {berth["slot"]: berth["live"] for berth in self.ports()["berths"]}

    def wait_accepted(self):
        procs.wait_until(
            lambda: not any(berth["queue"] for berth in self.ports()["berths"]), "all are accepted"
        )

    def wait_live(self, wanted):
        procs.wait_until(lambda: sorted(self.live().values()) == wanted, f"live is {wanted}")


def bpftool(*words):
    program = shutil.which("bpftool", path=os.environ["PATH"] + ":/usr/sbin")
    return subprocess.run([program, *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def stay():
    """Clients that connect and stay; all are closed at the end."""
    kept = []

    def connect(port, n, source="127.0.0.1"):
        for _ in range(n):
            sock = socket.create_connection(("127.0.0.1", port), 10, (source, 0))
            kept.append(sock)
        return kept[-n:]

    yield connect
    for sock in kept:
        sock.close()


def python(script):
    return ["python3", "-c", script]


def assert_adds_up(port):
    """Of all columns the total is the sum of its rows, and what goes out comes in."""
    totals, berths = port["totals"], port["berths"]
    steered = sum(berth["steered"] for berth in berths)
    assert steered + totals["to_anchor"] + totals["gone_steered"] == totals["steered"]
    came = sum(berth["migrated_in"] for berth in berths) + totals["gone_migrated_in"]
    went = sum(berth["migrated_out"] for berth in berths) + totals["gone_migrated_out"]
    assert came == totals["migrated"] == went + totals["from_anchor"]


def test_balanced_gives_connections_that_stay_to_all_alike(berth_run, steered, stay):
    served = Served(berth_run, steered, python(KEEPS_ALL), "--policy", "balanced")
    kept = stay(served.port, N_CLIENTS)
    served.wait_live([N_CLIENTS // N_WORKERS] * N_WORKERS)
    for sock in kept:
        sock.recv(64)  # or it would be a reset
        sock.close()
    # Their worker has not closed them: a client's end alone is none.
    assert sorted(served.live().values()) == [N_CLIENTS // N_WORKERS] * N_WORKERS
    assert_adds_up(served.ports())
    served.run.stop()


def test_balanced_fills_up_a_worker_that_comes_later(berth_run, steered, stay):
    served = Served(berth_run, steered, python(KEEPS_ALL), "--policy", "balanced")
    stay(served.port, N_CLIENTS)
    served.wait_live([16] * N_WORKERS)
    served.wait_accepted()  # else they are the others' when their worker dies
    os.kill(served.run.workers()[2], signal.SIGKILL)
    served.run.wait_listening(N_WORKERS + 1)
    assert sorted(served.live().values()) == [0, 16, 16, 16]
    stay(served.port, 16)
    served.wait_live([16] * N_WORKERS)
    assert_adds_up(served.ports())
    served.run.stop()


def test_a_stopped_worker_gets_nothing_once_it_has_more_than_the_others(
    berth_run, steered, programs
):
    served = Served(berth_run, steered, [programs.hello], "--policy", "balanced")
    victim = served.run.workers()[3]
    os.kill(victim, signal.SIGSTOP)
    numbers = []
    waiting = []
    for _ in range(100):
        sock = clients.start_get(served.port)
        if served.live()[3] > len(waiting):
            waiting.append(sock)
        else:
            numbers.append(clients.finish_get(sock))
    assert len(waiting) <= 1 and len(numbers) >= 99
    os.kill(victim, signal.SIGCONT)
    for sock in waiting:
        clients.finish_get(sock)
    served.wait_live([0] * N_WORKERS)
    served.run.stop()


def test_what_is_handed_on_is_counted_where_it_goes(berth_run, steered, stay):
    served = Served(berth_run, steered, python(ACCEPTS_NONE), "--policy", "balanced", n_workers=2)
    stay(served.port, 20)
    served.wait_live([10, 10])
    os.kill(served.run.workers()[1], signal.SIGKILL)
    served.run.wait_listening(3)
    served.wait_live([0, 20])
    port = served.ports()
    assert port["totals"]["gone_migrated_out"] == 10
    assert_adds_up(port)
    os.kill(served.run.workers()[2], signal.SIGKILL)
    served.run.wait_listening(4)
    served.wait_live([0, 20])
    assert_adds_up(served.ports())
    served.run.stop()


def test_what_waits_at_the_anchor_is_counted_when_a_worker_gets_it(berth_run, steered, stay):
    port = clients.free_port()
    run = berth_run(
        ["-n", 1, "--name", "web", "--listen", f"127.0.0.1:{port}", "--policy", "balanced",
         "--", "sh", "-c", f"kill -STOP $$; exec python3 -c '{KEEPS_ALL}' {port}"],
        tier=steered,
    )  # fmt: skip
    leader = run.wait_workers([1])[1]
    procs.wait_until(lambda: procs.state_of(leader) == "T", "the worker stands still")
    stay(port, 5)
    os.kill(leader, signal.SIGCONT)
    run.wait_listening(1)
    directory = procs.environ_of(run.pid)["BERTH_RUNTIME_DIR"]

    def seen():
        return control.request(f"{directory}/web.sock", "GET", "/v1/ports")[2]["ports"][0]

    procs.wait_until(lambda: seen()["totals"]["live"] == 5, "five are live")
    totals = seen()["totals"]
    assert (totals["to_anchor"], totals["from_anchor"], totals["migrated"]) == (5, 5, 5)
    assert_adds_up(seen())
    run.send(signal.SIGKILL)


def test_counts_go_on_under_the_next_primary(berth_run, steered, stay):
    served = Served(berth_run, steered, python(KEEPS_ALL), "--policy", "balanced")
    family = Family(served.run)
    stay(served.port, 8)
    served.wait_live([2] * N_WORKERS)
    victim = family.kill_primary()
    stay(served.port, 8)
    family.primary(other_than=victim)
    served.wait_live([4] * N_WORKERS)
    stay(served.port, 8)
    served.wait_live([6] * N_WORKERS)
    assert_adds_up(served.ports())
    served.run.stop()


def counters_map(primary):
    """The id of the steering's map of counters, as that primary holds it."""
    for path in pathlib.Path(f"/proc/{primary}/fdinfo").iterdir():
        facts = dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)
        if facts.get("map_type") == "2" and facts.get("value_size") == "64":
            return facts["map_id"]
    raise AssertionError("the primary has no map of counters")


def test_a_count_that_has_drifted_is_mended_while_there_is_traffic(
    berth_run, steered, programs, start_load
):
    served = Served(berth_run, steered, [programs.hello], "--policy", "balanced", n_workers=2)
    map_id = counters_map(Family(served.run).primary())
    entries = json.loads(bpftool("-j", "map", "dump", "id", map_id))
    (mine, *_) = [e for e in entries if int(e["value"][32], 16) or int(e["value"][33], 16)]
    value = bytes(int(byte, 16) for byte in mine["value"])
    wrong = value[:24] + struct.pack("<q", 1000) + value[32:]
    bpftool("map", "update", "id", map_id, "key", *mine["key"], "value", *map(hex, wrong))
    assert 1000 in served.live().values()
    load = start_load("--open", 100, "--seconds", 60, served.port)
    procs.wait_until(lambda: max(served.live().values()) < 100, "the count is right", 60)
    mended = [berth["live_mended"] for berth in served.ports()["berths"]]
    assert max(mended) >= 900, mended
    load.stop()
    served.run.stop()


def test_sticky_leaves_each_address_with_its_slot_also_when_another_slot_goes(berth_run, steered, stay):
    served = Served(berth_run, steered, python(KEEPS_ALL), "--policy", "sticky")
    sources = [f"127.0.{i // 250}.{i % 250 + 1}" for i in range(100)]

    def slots():
        slot_of = {pid: slot for slot, pid in served.run.workers().items()}
        found = {}
        for source in sources:
            (sock,) = stay(served.port, 1, source)
            found[source] = slot_of[int(sock.makefile().readline())]
        return found

    before = slots()
    assert set(before.values()) == {1, 2, 3, 4}
    assert slots() == before
    served.run.send(signal.SIGTTOU)
    procs.wait_until(
        lambda: {b["slot"] for b in served.ports()["berths"] if b["state"] == "open"} == {1, 2, 3},
        "slot 4 gets no clients any more",
    )
    after = slots()
    assert all(after[s] == before[s] for s in sources if before[s] != 4)
    assert 4 not in after.values()
    served.run.stop()


def test_weighted_gives_by_the_weights(berth_run, steered, programs):
    served = Served(
        berth_run, steered, [programs.hello], "--policy", "weighted", "--weights", "5,3,1"
    )
    counts = clients.tally(served.port, 1000)
    workers = served.run.workers()
    given = [counts[pid] for _, pid in sorted(workers.items())]
    assert all(abs(n - w * 100) <= 5 for n, w in zip(given, [5, 3, 1, 1])), given
    served.run.stop()


def test_clients_are_served_when_neither_primary_nor_keeper_lives(berth_run, steered, programs):
    served = Served(berth_run, steered, [programs.hello])
    served.run.wait_for(event("app_ready"))  # by then each has its seat
    family = Family(served.run)
    family.stop_primary()
    primary = family.primary_now()
    family.end_keeper()
    os.kill(primary, signal.SIGKILL)
    procs.wait_until_gone(primary)
    counts = clients.tally(served.port, 400)
    assert counts.total() == 400 and len(counts) > 1, counts
