"""Workers that grow, grow old, have served enough or hang, and those that are not started again."""

import concurrent.futures
import json
import os
import re
import select
import signal
import subprocess

import pytest

import clients
import procs
from apps import PYTHON, SERVERS, copied
from berthrun import event
from family import Family

SOON_S = 30


@pytest.fixture
def moody(place):
    """The command of a server that does what a client tells it."""

    def command(port):
        return [PYTHON, copied(SERVERS / "moody.py", place), port]

    return command


def tell(port, mood):
    """Any worker does it; returns which."""
    sock = clients.connect(port)
    sock.sendall(f"GET {mood} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return int(clients.finish_get(sock))


def slot_of(run, pid):
    return next(slot for slot, worker in run.workers().items() if worker == pid)


def berth_as(run, program, *args, timeout_s=40):
    """A verb, for this berth and no other."""
    place = procs.environ_of(run.pid)["BERTH_RUNTIME_DIR"]
    return subprocess.run(
        [program, *map(str, args)],
        env={**os.environ, "BERTH_RUNTIME_DIR": place},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def slots_of(run, programs):
    done = berth_as(run, programs.berth, "ps", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return {slot["slot"]: slot["state"] for slot in found["slots"] if slot["role"] == "member"}


def in_order(run, first, then, since):
    """Whether the one line came before the other."""
    lines = run.lines[since:]
    return lines.index(run.wait_for(first, since=since)[0]) < lines.index(
        run.wait_for(then, since=since)[0]
    )


# Memory


def test_a_worker_that_grows_is_replaced_by_one_that_serves_before_the_old_one_goes(
    berth_run, tier, moody
):
    port = clients.free_port()
    run = berth_run(["-n", 2, "--max-memory", "100M", "--", *moody(port)], tier=tier)
    run.wait_listening(2)
    since = run.n_lines()
    grown = tell(port, "/grow?150")
    slot = slot_of(run, grown)
    run.wait_for(event("recycled"), timeout_s=SOON_S, since=since)
    run.wait_for(event("worker_stopped", slot=slot, pid=grown), timeout_s=SOON_S, since=since)
    begun = run.matching(event("recycle_begun"), since)
    assert len(begun) == 1 and "--max-memory" in begun[0].fields["message"], begun
    assert in_order(run, event("recycled"), event("worker_stopped", pid=grown), since)
    assert grown not in clients.tally(port, 20)
    run.stop()


def test_the_memory_of_a_workers_children_counts_too(berth_run, tier, moody):
    port = clients.free_port()
    run = berth_run(["-n", 1, "--max-memory", "100M", "--", *moody(port)], tier=tier)
    run.wait_listening(1)
    grown = tell(port, "/child?150")
    run.wait_for(event("worker_stopped", pid=grown), timeout_s=SOON_S)
    assert tell(port, "/") != grown
    run.stop()


def test_what_a_worker_shares_with_its_children_counts_once(berth_run, tier, moody):
    port = clients.free_port()
    run = berth_run(["-n", 1, "--max-memory", "300M", "--", *moody(port)], tier=tier)
    run.wait_listening(1)
    pid = tell(port, "/grow?150")
    for _ in range(3):  # each has all of it, and shares it
        assert tell(port, "/child?1") == pid
    tell(port, "/grow?1")
    # What grows more is replaced: so it was looked at, and what was shared was not enough.
    since = run.n_lines()
    tell(port, "/grow?250")
    run.wait_for(event("recycled"), timeout_s=SOON_S)
    assert not run.matching(event("recycle_begun"))[0] in run.lines[:since]
    run.stop()


# Age and connections


def test_all_workers_that_are_old_are_replaced_one_after_another(berth_run, tier, moody):
    port = clients.free_port()
    run = berth_run(["-n", 3, "--max-age", "4s", "--drain", "1s", "--", *moody(port)], tier=tier)
    run.wait_listening(3)
    run.wait_for(event("recycled"), timeout_s=SOON_S, count=3)
    slots = set()
    open_slots = set()
    for line in run.matching(lambda line: line.event in ("recycle_begun", "recycled")):
        slot = int(re.search(r"\.(\d+)", line.fields["message"])[1])
        if line.event == "recycle_begun":
            assert not open_slots, "one slot at a time"
            open_slots.add(slot)
            slots.add(slot)
        else:
            open_slots.discard(slot)
    assert slots == {1, 2, 3}
    clients.get_number(port)
    run.stop()


def test_a_worker_that_has_served_enough_is_replaced_and_no_client_notices(
    berth_run, steered, moody
):
    port = clients.free_port()
    run = berth_run(["-n", 2, "--max-connections", 100, "--", *moody(port)], tier=steered)
    run.wait_listening(2)
    served = set(clients.tally(port, 230))
    run.wait_for(event("recycled"), timeout_s=SOON_S, count=2)
    assert not served & set(clients.tally(port, 20))
    run.stop()


def test_what_nobody_can_know_in_the_shared_tier_is_refused_or_said(
    berth, berth_run, shared, moody, tmp_path
):
    for option in (["--max-connections", "5"], ["--hang-timeout", "60s"]):
        done = berth("run", "--mode", "shared", *option, "--", "true")
        assert done.returncode == 2 and "needs the steered tier" in done.stderr, done.stderr
    port = clients.free_port()
    run = berth_run(
        ["--mode", "auto", "-n", 1, "--max-connections", 5, "--", *moody(port)], user="nobody"
    )
    run.wait_for(event("recycle_unknown"))
    run.stop()


# What comes in between


def test_a_replacement_that_fails_leaves_the_old_worker_and_is_tried_again(
    berth_run, tier, moody, place
):
    port = clients.free_port()
    broken = place / "broken"
    script = f'test ! -e {broken} || {{ echo "cannot"; exit 9; }}; exec "$@"'
    command = ["sh", "-c", script, "sh", *map(str, moody(port))]
    run = berth_run(["-n", 1, "--max-memory", "100M", "--", *command], tier=tier)
    run.wait_listening(1)
    broken.touch()
    grown = tell(port, "/grow?150")
    failed = run.wait_for(event("recycle_failed"), timeout_s=SOON_S, count=2)
    assert "exit code 9" in failed[0].fields["message"] and "cannot" in failed[0].fields["message"]
    assert "next try in 1 s" in failed[0].fields["message"]
    assert "next try in 2 s" in failed[1].fields["message"]
    assert tell(port, "/") == grown
    broken.unlink()
    run.wait_for(event("recycled"), timeout_s=SOON_S)
    run.wait_for(event("worker_stopped", pid=grown), timeout_s=SOON_S)
    assert tell(port, "/") != grown
    run.stop()


def test_a_primary_that_is_killed_while_a_replacement_comes_up_has_it_finished(
    berth_run, tier, moody, place
):
    port = clients.free_port()
    gate = place / "gate"
    os.mkfifo(gate)
    gate.chmod(0o666)
    script = f'test ! -e {place}/grown || cat {gate}; exec "$@"'
    command = ["sh", "-c", script, "sh", *map(str, moody(port))]
    run = berth_run(["-n", 1, "--max-memory", "100M", "--", *command], tier=tier)
    run.wait_listening(1)
    family = Family(run)
    (place / "grown").touch()
    grown = tell(port, "/grow?150")
    run.wait_for(event("recycle_begun"), timeout_s=SOON_S)
    run.wait_for(event("worker_started"), count=2)
    primary = family.primary()
    os.kill(primary, signal.SIGKILL)
    family.primary(other_than=primary)
    assert tell(port, "/") == grown
    gate.write_text("go\n")
    run.wait_for(event("recycled"), timeout_s=SOON_S)
    assert len(run.matching(event("recycle_begun"))) == 1
    run.wait_for(event("worker_stopped", pid=grown), timeout_s=SOON_S)
    assert tell(port, "/") != grown
    run.stop()


def test_a_reloads_canary_is_not_taken_for_the_replacement_that_it_came_before(
    berth_run, steered, moody, place, programs
):
    port = clients.free_port()
    gate = place / "gate"
    os.mkfifo(gate)
    script = f'test ! -e {place}/grown || cat {gate}; exec "$@"'
    command = ["sh", "-c", script, "sh", *map(str, moody(port))]
    run = berth_run(["-n", 1, "--max-memory", "100M", "--", *command], tier=steered)
    run.wait_listening(1)
    (place / "grown").touch()
    grown = tell(port, "/grow?150")
    run.wait_for(event("recycle_begun"), timeout_s=SOON_S)
    replacement = run.wait_for(event("worker_started"), count=2)[1].fields["pid"]
    options = ["--canary", "10%", "--watch", "1s"]
    with concurrent.futures.ThreadPoolExecutor(1) as aside:
        reload = aside.submit(berth_as, run, programs.berth, "reload", *options)
        run.wait_for(event("worker_stopped", pid=replacement))
        run.wait_for(event("worker_started"), count=3)
        gate.write_text("go\n")
        done = reload.result()
    assert done.returncode == 0, done.stdout + run.output()
    assert not run.matching(lambda line: line.event in ("recycled", "recycle_failed"))
    assert tell(port, "/") != grown
    run.stop()


def test_a_replacement_whose_place_a_reload_takes_does_not_end_the_reloads_own(
    berth_run, steered, moody, place, programs
):
    port = clients.free_port()
    gate = place / "gate"
    os.mkfifo(gate)
    script = f'test ! -e {place}/grown || {{ cat {gate}; exit 9; }}; exec "$@"'
    command = ["sh", "-c", script, "sh", *map(str, moody(port))]
    run = berth_run(["-n", 1, "--max-memory", "100M", "--", *command], tier=steered)
    run.wait_listening(1)
    (place / "grown").touch()
    grown = tell(port, "/grow?150")
    run.wait_for(event("recycle_begun"), timeout_s=SOON_S)
    replacement = run.wait_for(event("worker_started"), count=2)[1].fields["pid"]
    with concurrent.futures.ThreadPoolExecutor(1) as aside:
        reload = aside.submit(berth_as, run, programs.berth, "reload")
        run.wait_for(event("worker_stopped", pid=replacement))
        run.wait_for(event("worker_started"), count=3)
        gate.write_text("go\n")
        done = reload.result()
    assert done.returncode == 6 and "exit code 9" in done.stdout, done.stdout + run.output()
    run.wait_for(event("recycle_begun"), timeout_s=SOON_S, count=2)
    assert not run.matching(event("recycle_failed")), run.output()
    assert tell(port, "/") == grown
    run.stop()


def test_a_restart_of_a_slot_whose_replacement_comes_up_is_done_when_there_is_a_new_worker(
    berth_run, tier, moody, place, programs
):
    port = clients.free_port()
    gate = place / "gate"
    os.mkfifo(gate)
    gate.chmod(0o666)
    script = f'test ! -e {place}/grown || cat {gate}; exec "$@"'
    command = ["sh", "-c", script, "sh", *map(str, moody(port))]
    run = berth_run(["-n", 1, "--max-memory", "100M", "--", *command], tier=tier)
    run.wait_listening(1)
    (place / "grown").touch()
    grown = tell(port, "/grow?150")
    run.wait_for(event("recycle_begun"), timeout_s=SOON_S)
    replacement = run.wait_for(event("worker_started"), count=2)[1].fields["pid"]
    with concurrent.futures.ThreadPoolExecutor(1) as aside:
        restart = aside.submit(berth_as, run, programs.berth, "restart", 1, "--json")
        run.wait_for(event("worker_stopped", pid=grown))
        run.wait_for(event("worker_stopped", pid=replacement))
        run.wait_for(event("worker_started"), count=3)
        gate.write_text("go\n")
        done = restart.result()
    assert done.returncode == 0, done.stderr + run.output()
    assert json.loads(done.stdout)["pid"] == tell(port, "/")
    run.stop()


# Workers that hang


class Patience:
    """Clients of whom some have to wait: one comes after another, and none gives up."""

    def __init__(self, port):
        self.port = port
        self.waiting = []

    def come(self):
        sock = clients.start_get(self.port, timeout_s=SOON_S)
        if select.select([sock], [], [], 1)[0]:
            clients.finish_get(sock)
        else:
            self.waiting.append(sock)

    def answers(self):
        """Who has answered those that had to wait."""
        bodies = [clients.finish_get(sock) for sock in self.waiting]
        return {int(body) for body in bodies}


def test_a_worker_that_stands_still_is_shown_thread_by_thread_and_replaced(
    berth_run, steered, moody
):
    port = clients.free_port()
    options = ["--hang-timeout", "2s", "--stop-timeout", "1s"]
    run = berth_run(["-n", 3, *options, "--", *moody(port)], tier=steered)
    run.wait_listening(3)
    slot, victim = sorted(run.workers().items())[1]
    os.kill(victim, signal.SIGSTOP)
    patience = Patience(port)
    # Only where others have moved on does one hang: so somebody has to come.
    while not run.matching(event("worker_hung")):
        patience.come()
    shown = run.wait_for(event("worker_stack", slot=slot))[0].fields["message"]
    assert f"thread {victim} " in shown and "state T" in shown, shown
    run.wait_for(event("recycled"), timeout_s=SOON_S)
    answered = patience.answers()
    assert answered and victim not in answered
    run.wait_for(event("worker_killed", slot=slot), timeout_s=SOON_S)
    run.wait_for(event("worker_stopped", slot=slot), timeout_s=SOON_S)
    assert procs.is_gone(victim)
    assert len(run.matching(event("recycle_begun"))) == 1
    run.stop()


def test_a_busy_worker_does_not_hang_and_where_all_stand_still_nobody_does(
    berth_run, steered, moody
):
    port = clients.free_port()
    run = berth_run(["-n", 2, "--hang-timeout", "1s", "--", *moody(port)], tier=steered)
    run.wait_listening(2)
    # All at once: each worker's queue is never empty for 3 s, and moves all the time.
    busy = []
    for _ in range(20):
        sock = clients.connect(port)
        sock.sendall(b"GET /busy?300 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        busy.append(sock)
    for sock in busy:
        clients.finish_get(sock)
    # Both in one request that takes three times as long, with others waiting.
    long = []
    for mood in ("/busy?3000", "/busy?3000", "/", "/", "/", "/"):
        sock = clients.connect(port)
        sock.sendall(f"GET {mood} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        long.append(sock)
    for sock in long:
        clients.finish_get(sock)
    assert not run.matching(event("worker_hung")), run.output()
    run.stop()


# Workers that are not started again


def test_a_worker_that_ends_with_a_named_exit_code_is_not_started_again_until_asked(
    berth_run, tier, moody, programs
):
    port = clients.free_port()
    options = ["--stop-exit-codes", "0,77"]
    run = berth_run(["-n", 2, *options, "--", *moody(port)], tier=tier)
    run.wait_listening(2)
    done = tell(port, "/exit?77")
    ended = run.wait_for(event("worker_ended"))[0]
    assert ended.fields["pid"] == done and "exit code 77" in ended.fields["message"]
    assert sorted(slots_of(run, programs).values()) == ["ended", "ready"]
    other = tell(port, "/exit?5")
    run.wait_for(event("worker_exited", pid=other))
    run.wait_listening(3)
    tell(port, "/exit?0")
    run.wait_for(event("nobody_left"))
    since = run.n_lines()
    assert berth_as(run, programs.berth, "scale", 2).returncode == 0
    run.wait_listening(2, since=since)
    tell(port, "/")
    run.stop()


def test_a_worker_that_ends_too_often_leaves_its_slot_empty_and_a_reload_fills_it(
    berth_run, tier, moody, place, programs
):
    port = clients.free_port()
    broken = place / "broken"
    script = f'test ! -e {broken} || exit 3; exec "$@"'
    command = ["sh", "-c", script, "sh", *map(str, moody(port))]
    options = ["--max-restarts", "3/60s", "--watch", "off"]
    run = berth_run(["-n", 2, *options, "--", *command], tier=tier)
    run.wait_listening(2)
    broken.touch()
    os.kill(run.workers()[2], signal.SIGKILL)
    ended = run.wait_for(event("worker_ended", slot=2))[0]
    assert ended.fields["level"] == "error" and "--max-restarts" in ended.fields["message"]
    assert len(run.matching(event("worker_exited", slot=2))) == 3
    assert slots_of(run, programs) == {1: "ready", 2: "ended"}
    primary = Family(run).primary()
    os.kill(primary, signal.SIGKILL)
    Family(run).primary(other_than=primary)
    procs.wait_until(
        lambda: berth_as(run, programs.berth, "ps").returncode == 0, "another primary answers"
    )
    assert slots_of(run, programs) == {1: "ready", 2: "ended"}
    broken.unlink()
    reloaded = berth_as(run, programs.berth, "reload")
    assert reloaded.returncode == 0, reloaded.stdout + reloaded.stderr
    assert slots_of(run, programs) == {1: "ready", 2: "ready"}
    run.stop()


def test_nothing_wakes_a_primary_that_was_asked_for_nothing_and_whose_clients_are_quiet(
    berth_run, steered, moody
):
    port = clients.free_port()
    run = berth_run(["-n", 2, "--hang-timeout", "2s", "--", *moody(port)], tier=steered)
    run.wait_listening(2)
    tell(port, "/")
    primary = Family(run).primary()

    def switches():
        text = open(f"/proc/{primary}/status", encoding="utf-8").read()
        return re.findall(r"ctxt_switches:\s+(\d+)", text)

    # It comes to rest: within what is waited for, there is a second without any wake-up.
    last = []

    def is_at_rest():
        now = switches()
        last.append(now)
        return len(last) > 400 and last[-400] == now

    procs.wait_until(is_at_rest, "the primary sleeps", timeout_s=SOON_S)
    run.stop()
