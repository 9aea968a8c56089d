"""USR2: another primary in the place of this one, or nothing at all."""

import os
import shutil
import signal
import subprocess

import pytest

import clients
import procs
from berthrun import event
from family import Family

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def own_programs(programs, place):
    """berth's programs where a test may replace them. Returns the directory."""
    for name in ("berth", "berthd", "berth-keeper"):
        programs.path("berth")
        shutil.copy(programs.path(name), place / name)
    return place


def ask(sock):
    sock.sendall(ASK)
    return sock.recv(4096)


def test_an_upgrade_changes_the_primary_and_nothing_else(berth_run, tier, programs):
    port = clients.free_port()
    run = berth_run(["-n", 3, "--", programs.hello, port], tier=tier)
    run.wait_listening(3)
    family = Family(run)
    before = family.wait_whole(3)
    primary = family.primary()
    with clients.connect(port) as kept:
        first = ask(kept)
        for count in range(1, 4):
            run.send(signal.SIGUSR2)
            run.wait_for(event("upgraded"), count=count)
        assert ask(kept) == first
    assert family.wait_whole(3) == before
    assert family.primary() != primary
    family.end()


def blob_of(family):
    """The state as the keeper has it."""
    def the_only_one():
        # While one takes the place of another both are there.
        found = [n for n, to in procs.fds_of(family.keeper).items() if "berth-state" in to]
        return found if len(found) == 1 else None

    (number,) = procs.wait_until(the_only_one, "one state")
    with open(f"/proc/{family.keeper}/fd/{number}", "rb") as file:
        return file.read()


def check_state(program, blob, place):
    path = place / "blob"
    path.write_bytes(blob)
    with path.open("rb") as state:
        return subprocess.run(
            ["sh", "-c", 'exec "$0" --check-state 3<&0', program], stdin=state,
            capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip


def test_a_state_that_is_whole_is_accepted_and_a_damaged_one_refused_with_a_reason(
    berth_run, steered, programs, place
):
    port = clients.free_port()
    run = berth_run(["-n", 3, "--", programs.hello, port], tier=steered)
    run.wait_listening(3)
    family = Family(run)
    family.wait_whole(3)
    blob = blob_of(family)
    assert check_state(programs.berthd, blob, place).returncode == 0
    cut = [blob[:size] for size in (0, 1, 7, 16, len(blob) // 2, len(blob) - 1)]
    other = [bytes([blob[0] ^ 1]) + blob[1:], b"\xff" * len(blob), os.urandom(len(blob))]
    for damaged in cut + other:
        done = check_state(programs.berthd, damaged, place)
        assert done.returncode == 1 and done.stdout.strip(), (done, damaged[:64])
    family.end()


def replace_primary(directory, program):
    """As a package manager does it: what runs is not overwritten."""
    shutil.copy(program, directory / "new")
    (directory / "new").rename(directory / "berthd")


@pytest.mark.parametrize("stranger", ["/bin/false", "/bin/true"])
def test_a_program_that_is_no_berth_does_not_take_over(
    berth_run, tier, programs, own_programs, stranger
):
    """The one refuses the state; the other does not, and does not take over either."""
    port = clients.free_port()
    run = berth_run(
        ["-n", 2, "--", programs.hello, port], tier=tier, program=own_programs / "berth"
    )
    run.wait_listening(2)
    family = Family(run)
    before = family.wait_whole(2)
    replace_primary(own_programs, stranger)
    run.send(signal.SIGUSR2)
    run.wait_for(event("not_upgraded"))
    assert family.wait_whole(2) == before
    assert clients.get_number(port) in before.values()
    family.kill_primary()
    assert family.wait_whole(2) == before
    replace_primary(own_programs, programs.berthd)
    run.send(signal.SIGUSR2)
    run.wait_for(event("upgraded"))
    run.stop()
