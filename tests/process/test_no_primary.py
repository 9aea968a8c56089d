"""What happens while there is no primary is dealt with by the next one, and no clock starts anew."""

import datetime
import os
import re
import signal
import subprocess
import time

import pytest

import apps
import clients
import procs
from berthrun import event
from family import Family, at_a_pace

HELD_S = 2
N_LINES = 100_000  # of 100 bytes each
STUBBORN = "trap 'echo asked' TERM; echo armed; while :; do sleep 0.05; done"

ON_REQUEST = """
import os, signal, socket, sys
slot = os.environ["BERTH_SLOT"]
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("armed", flush=True)
signal.sigwait([signal.SIGUSR1])
if slot == "1":
    server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    print("bound", flush=True)
    while True:
        client, _ = server.accept()
        client.recv(4096)
        client.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n%d" % os.getpid())
        client.close()
if slot == "3":
    for number in range(int(sys.argv[2])):
        print(f"{number:099}")
    print("END", flush=True)
signal.pause()
"""


def start_on_request(berth_run, tier, port):
    """Three workers that wait for USR1: one binds then, one does nothing, one writes."""
    run = berth_run(
        ["-n", 3, "--name", "web", "--", apps.PYTHON, "-c", ON_REQUEST, port, N_LINES],
        tier=tier, json_lines=False,
    )  # fmt: skip
    run.wait_for("| armed", count=3)
    return run


def assert_whole(run, n_killed):
    """
    Every line is there, in order. What a primary had written in its last moment, and could not
    note, its successor has written again: so far back it goes at most once for each that died,
    with one line torn.
    """
    run.wait_for("| END", timeout_s=40)
    numbers = []
    n_torn = n_back = 0
    for line in run.matching(lambda line: re.match(r"web\.3 +\| \d", line.text)):
        match = re.fullmatch(r"web\.3 +\| (\d{99})", line.text)
        n_torn += not match
        if match:
            n_back += bool(numbers) and int(match[1]) <= numbers[-1]
            numbers.append(int(match[1]))
    assert sorted(set(numbers)) == list(range(N_LINES)), f"{N_LINES - len(set(numbers))} are lost"
    assert n_back <= n_killed and n_torn <= n_killed, (n_back, n_torn, n_killed)


@pytest.mark.slow
def test_who_binds_dies_or_writes_ten_megabytes_while_there_is_no_primary_is_served_afterwards(
    berth_run, tier
):
    port = clients.free_port()
    run = start_on_request(berth_run, tier, port)
    family = Family(run)
    before = family.wait_whole(3)
    primary = family.stop_primary()
    for slot in (1, 3):
        os.kill(before[slot], signal.SIGUSR1)
    os.kill(before[2], signal.SIGKILL)
    time.sleep(HELD_S)
    since = run.n_lines()
    os.kill(primary, signal.SIGKILL)
    run.wait_for("| bound", since=since)
    assert clients.get_number(port) == before[1]
    run.wait_for(lambda line: re.match(r"web\.2 +\| armed", line.text), since=since)
    assert_whole(run, n_killed=1)
    after = family.wait_whole(3)
    assert after[2] != before[2] and (after[1], after[3]) == (before[1], before[3])
    run.stop()


@pytest.mark.slow
def test_of_ten_megabytes_no_line_is_lost_while_primaries_are_killed(berth_run, tier):
    run = start_on_request(berth_run, tier, clients.free_port())
    family = Family(run)
    os.kill(family.wait_whole(3)[3], signal.SIGUSR1)
    assert_whole(run, at_a_pace(family.kill_primary, 1, 20))
    run.stop()


def wait_said(run, name, count):
    """As run.wait_for(), but of what is said twice of one process the last counts; see output.h."""

    def said():
        once = {line.fields["pid"]: line for line in run.matching(event(name))}
        return list(once.values()) if len(once) >= count else None

    return procs.wait_until(said, f"{count} x {name}", 20)


def said_pause_s(line):
    said = re.search(r"starting again (?:at once|in ([0-9.]+) (m?s))$", line.fields["message"])
    return float(said[1] or 0) / (1000 if said[2] == "ms" else 1)


def said_at(line):
    return datetime.datetime.fromisoformat(line.fields["ts"])


def test_a_back_off_goes_on_over_the_death_of_the_primary_and_the_pauses_go_on_growing(
    berth_run, tier
):
    run = berth_run(["-n", 1, "--", "sh", "-c", "exit 3"], tier=tier)
    family = Family(run)
    for n_ended in range(1, 7):
        wait_said(run, "worker_exited", n_ended)
        family.kill_primary()
    ended = wait_said(run, "worker_exited", 7)
    started = {line.fields["pid"]: line for line in run.matching(event("worker_started"))}
    # One that was cut off with its primary is no start: what counts is who ended next.
    started = [started[line.fields["pid"]] for line in ended[1:7]]
    ended = ended[:6]
    said_s = [said_pause_s(line) for line in ended]
    for doublings, pause_s in enumerate(said_s[1:]):
        longest_s = 0.1 * 2**doublings
        assert longest_s / 2 <= pause_s <= longest_s, said_s
    took_s = [(said_at(start) - said_at(end)).total_seconds() for start, end in zip(started, ended)]
    assert all(0.8 * said <= took < said + 0.4 for took, said in zip(took_s, said_s)), (
        took_s, said_s
    )  # fmt: skip
    run.stop()


def test_a_stop_deadline_is_kept_over_the_death_of_the_primary(berth_run, tier):
    run = berth_run(
        ["-n", 2, "--stop-timeout", "2", "--", "sh", "-c", STUBBORN], tier=tier, json_lines=False
    )
    run.wait_for("| armed", count=2)
    family = Family(run)
    began = time.monotonic()
    run.send(signal.SIGTERM)
    asked = {f"sh.{slot} | asked" for slot in (1, 2)}
    for one in asked:
        run.wait_for(one)
    at_a_pace(family.kill_primary, 1.5, 4)
    run.ends_with(0)
    took_s = time.monotonic() - began
    assert 1.95 <= took_s < 3, f"{took_s} s"
    # A primary that was killed in the very act leaves it to be done again, or said again.
    assert {line.text for line in run.matching("| asked")} == asked, run.output()


@pytest.mark.parametrize("later_ms", [0, 0.2, 1, 3, 10])
def test_a_stop_during_which_the_primary_is_killed_ends_berth(
    berth_run, tier, programs, later_ms
):
    port = clients.free_port()
    run = berth_run(["-n", 4, "--", programs.hello, port], tier=tier)
    run.wait_listening(4)
    primary = Family(run).primary()
    run.send(signal.SIGTERM)
    time.sleep(later_ms / 1000)
    procs.kill_quietly(primary)
    run.ends_with(0)


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_that_comes_while_there_is_no_primary_is_not_forgotten(
    berth_run, tier, programs, sig
):
    port = clients.free_port()
    run = berth_run(["-n", 2, "--", programs.hello, port], tier=tier)
    run.wait_listening(2)
    primary = Family(run).stop_primary()
    run.send(sig)
    os.kill(primary, signal.SIGKILL)
    run.ends_with(0)


def test_orders_that_come_while_there_is_no_primary_are_carried_out_in_their_turn(
    berth_run, tier, programs
):
    port = clients.free_port()
    run = berth_run(["-n", 2, "--", programs.hello, port], tier=tier)
    run.wait_listening(2)
    family = Family(run)
    primary = family.stop_primary()
    for _ in range(3):
        run.send(signal.SIGTTIN)
        procs.wait_until(lambda: not has_pending_signal(run.pid), "the keeper has taken it")
    run.send(signal.SIGTTOU)
    os.kill(primary, signal.SIGKILL)
    family.wait_whole(4)
    run.stop()


def has_pending_signal(pid):
    """Two of the same that wait for a process are one."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return any(line.startswith("ShdPnd:") and int(line.split()[1], 16) for line in status)


def test_a_state_that_cannot_be_saved_is_said_and_saved_later(berth_run, tier, programs):
    run = berth_run(["-n", 1, "--", programs.hello, clients.free_port()], tier=tier)
    run.wait_listening(1)
    family = Family(run)
    before = family.wait_whole(1)
    primary = family.primary()
    limit_file_size(primary, 100, tier.user)
    run.send(signal.SIGTTIN)
    run.wait_for(event("state_unsaved"))
    family.wait_whole(2)
    assert len(run.matching(event("state_unsaved"))) == 1
    limit_file_size(primary, "unlimited", tier.user)
    run.send(signal.SIGTTIN)
    after = family.wait_whole(3)
    family.kill_primary()
    family.primary(other_than=primary)
    assert family.wait_whole(3) == after
    assert after[1] == before[1]
    family.end()


def limit_file_size(pid, size, user):
    """The one that counts, and not the one up to which it can be raised."""
    as_user = {"user": user, "group": "nogroup", "extra_groups": []} if user else {}
    subprocess.run(["prlimit", f"--pid={pid}", f"--fsize={size}:"], check=True, **as_user)
