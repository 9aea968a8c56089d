"""Workers that say themselves that they are ready, over NOTIFY_SOCKET."""

import array
import os
import signal
import socket

import pytest

import clients
import procs
from apps import PYTHON, SERVERS, copied
from berthrun import event
from family import Family

became_ready = event("worker_state", message="starting -> ready")


@pytest.fixture
def notifying(berth_run, place):
    """Two workers, and each says READY=1 when it is sent SIGUSR1."""

    def start(tier, port):
        command = [PYTHON, copied(SERVERS / "probed.py", place), place, port]
        run = berth_run(["-n", 2, "--notify", "--", *command], tier=tier)
        run.wait_for(lambda line: line.fields.get("message") == "up", count=2)
        run.wait_listening(2)
        return run

    return start


def tell_ready_as_stranger(pid):
    """Waits until it is dealt with: then the kernel closes what came with it."""
    name = procs.environ_of(pid)["NOTIFY_SOCKET"].replace("@", "\0", 1)
    reader, writer = os.pipe()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(name)
        room = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [writer]))]
        sock.sendmsg([b"READY=1"], room)
    os.close(writer)
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_a_worker_serves_when_it_has_said_so_and_not_before(notifying, tier):
    port = clients.free_port()
    run = notifying(tier, port)
    first, second = (run.workers()[slot] for slot in (1, 2))
    tell_ready_as_stranger(first)
    assert not run.matching(became_ready), run.output()
    os.kill(second, signal.SIGUSR1)
    run.wait_for(event("worker_state", message="starting -> ready", pid=second))
    if tier.is_steered:
        assert set(clients.tally(port, 10)) == {second}
    os.kill(first, signal.SIGUSR1)
    run.wait_for(became_ready, count=2)
    run.stop()


def test_what_cannot_be_read_is_ignored_and_said(berth_run, steered):
    script = (
        "import os, signal, socket\n"
        "name = os.environ['NOTIFY_SOCKET'].replace('@', '\\0', 1)\n"
        "sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "sock.sendto(b'READY=1\\0X=1', name)\n"
        "signal.pause()\n"
    )
    run = berth_run(["-n", 1, "--notify", "--", PYTHON, "-c", script], tier=steered)
    assert "NUL" in run.wait_for(event("notify_ignored", slot=1))[0].fields["message"]
    assert not run.matching(became_ready), run.output()
    run.stop()


def test_a_descendant_may_say_it_and_a_killed_primary_forgets_nothing(notifying, steered):
    run = notifying(steered, clients.free_port())
    family = Family(run)
    first, second = (run.workers()[slot] for slot in (1, 2))
    os.kill(first, signal.SIGUSR2)
    run.wait_for(event("worker_state", message="starting -> ready", pid=first))
    dead = family.stop_primary()
    os.kill(second, signal.SIGUSR1)
    procs.wait_until(lambda: procs.state_of(second) == "S", "it has been sent")
    os.kill(dead, signal.SIGKILL)
    family.primary(other_than=dead)
    run.wait_for(event("worker_state", message="starting -> ready", pid=second))
    run.stop()
