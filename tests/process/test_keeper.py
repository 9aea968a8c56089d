"""The keeper, with primaries that the test speaks for."""

import errno
import itertools
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import keepers
import procs

SEED = 20261122


@pytest.fixture
def start_keeper(programs, place):
    started = []

    def start(**kw):
        keeper = keepers.Keeper(programs.path("berth-keeper"), place, **kw)
        started.append(keeper)
        return keeper

    yield start
    for keeper in started:
        keeper.clean_up()


@pytest.fixture
def keeper(start_keeper):
    return start_keeper()


@pytest.fixture
def kept():
    """A descriptor that can be told from all others."""
    fd = os.memfd_create("kept")
    yield fd
    os.close(fd)


def proc_numbers(pid, file, *keys):
    lines = (line.split() for line in Path(f"/proc/{pid}/{file}").read_text().splitlines())
    found = {words[0].rstrip(":"): int(words[1]) for words in lines if words[0].rstrip(":") in keys}
    return [found[key] for key in keys]


def n_fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def next_event(primary, kind):
    message = primary.receive()
    assert message.kind == kind
    return message


def test_a_primary_gets_its_channel_a_group_of_its_own_and_no_blocked_signal(keeper):
    primary = keeper.next_primary()
    assert primary.facts["fds"] == [0, 1, 2, primary.facts["channel"]]
    assert primary.facts["group"] == primary.pid
    assert primary.facts["blocked"] == []
    hello, items, events = primary.receive_hand_over()
    assert (hello.pid, hello.number, items, events) == (keeper.pid, 0, {}, [])


def test_what_was_stored_is_handed_back_after_a_kill(keeper, kept):
    primary = keeper.next_primary()
    primary.take_over()
    with open("/dev/null", "rb") as other:
        primary.store("state", other.fileno())
        primary.store("gone", other.fileno())
    primary.store("state", kept)
    primary.store("anchor/tcp/[::]:8000", kept)
    primary.send("drop", name=b"gone")
    primary.send("drop", name=b"was never there")
    primary.kill()

    same = keepers.identity(kept)
    for _ in range(3):
        primary = keeper.next_primary()
        _, items, _ = primary.take_over()
        assert items == {"state": same, "anchor/tcp/[::]:8000": same}
        primary.kill()
    keeper.wait_said("the primary ended (code 0, signal 9); ports and workers are kept; starting another")


def test_what_a_primary_sent_in_its_last_moment_is_kept(keeper, kept):
    primary = keeper.next_primary()
    primary.take_over()
    os.kill(keeper.pid, signal.SIGSTOP)
    for i in range(50):
        primary.store(f"last/{i}", kept)
    primary.kill()
    os.kill(keeper.pid, signal.SIGCONT)
    _, items, _ = keeper.next_primary().receive_hand_over()
    assert len(items) == 50


def test_an_exit_is_told_again_until_it_was_dealt_with(keeper):
    primary = keeper.next_primary()
    primary.take_over()
    worker = primary.spawn("sleep", "1000")
    primary.send("watch", pid=worker)
    primary.kill()
    primary = keeper.next_primary()
    primary.take_over()
    os.kill(worker, signal.SIGUSR1)
    exited = next_event(primary, "exited")
    assert (exited.pid, exited.number) == (worker, signal.SIGUSR1)
    primary.kill()

    primary = keeper.next_primary()
    _, _, (again,) = primary.take_over()
    assert (again.pid, again.number, again.sequence) == (worker, signal.SIGUSR1, exited.sequence)
    primary.send("done", sequence=again.sequence)
    primary.kill()
    _, _, events = keeper.next_primary().receive_hand_over()
    assert events == []


def test_an_exit_while_there_is_no_primary_is_told_to_the_next(keeper):
    primary = keeper.next_primary()
    primary.take_over()
    worker = primary.spawn("sleep", "1000")
    primary.send("watch", pid=worker)
    os.kill(keeper.pid, signal.SIGSTOP)
    primary.kill()
    os.kill(worker, signal.SIGTERM)
    procs.wait_until_gone(worker)
    os.kill(keeper.pid, signal.SIGCONT)
    _, _, (exited,) = keeper.next_primary().receive_hand_over()
    assert (exited.pid, exited.number) == (worker, signal.SIGTERM)


def test_a_child_that_ended_before_it_is_watched_has_ended_as_if_killed(keeper):
    primary = keeper.next_primary()
    primary.take_over()
    worker = primary.spawn("false")
    procs.wait_until(lambda: procs.state_of(worker) is None, "the keeper reaps it")
    primary.send("watch", pid=worker)
    exited = next_event(primary, "exited")
    assert (exited.pid, exited.number) == (worker, signal.SIGKILL)


def test_a_child_that_ends_at_once_is_told_if_its_name_was_on_the_way(keeper):
    primary = keeper.next_primary()
    primary.take_over()
    os.kill(keeper.pid, signal.SIGSTOP)
    worker = primary.spawn("sh", "-c", "exit 7")
    procs.wait_until_gone(worker)
    primary.send("watch", pid=worker)
    os.kill(keeper.pid, signal.SIGCONT)
    exited = next_event(primary, "exited")
    assert (exited.pid, os.waitstatus_to_exitcode(exited.number)) == (worker, 7)


@pytest.mark.parametrize("name", "TERM INT QUIT HUP USR1 USR2 TTIN TTOU TSTP WINCH".split())
def test_a_signal_is_forwarded_and_told_again(keeper, name):
    number = signal.Signals["SIG" + name]
    primary = keeper.next_primary()
    primary.take_over()
    os.kill(keeper.pid, number)
    assert next_event(primary, "signalled").number == number
    primary.kill()
    primary = keeper.next_primary()
    _, _, (again,) = primary.take_over()
    assert (again.kind, again.number) == ("signalled", number)


def test_too_many_signals_are_lost_loudly_and_nothing_else(keeper):
    primary = keeper.next_primary()
    primary.take_over()
    for _ in range(2048):
        os.kill(keeper.pid, signal.SIGHUP)
        next_event(primary, "signalled")
    os.kill(keeper.pid, signal.SIGUSR1)
    keeper.wait_said("signal 10 is lost")
    primary.kill()
    _, _, events = keeper.next_primary().receive_hand_over()
    assert [event.number for event in events] == [signal.SIGHUP] * 2048


def test_a_primary_that_crashes_in_a_loop_is_started_again_after_growing_pauses(keeper, kept):
    primary = keeper.next_primary()
    primary.take_over()
    primary.store("port", kept)
    primary.kill(signal.SIGSEGV)
    for _ in range(4):
        keeper.next_primary().kill(signal.SIGSEGV)
    primary = keeper.next_primary()
    _, items, _ = primary.take_over()
    assert items == {"port": keepers.identity(kept)}
    kept_words = "ports and workers are kept; starting another in"
    assert [line for line in keeper.said if kept_words in line] == [
        f"berth: the primary ended (code 0, signal 11); {kept_words} 10 ms"
    ] + [
        f"berth: the primary ended before it took over (code 0, signal 11); {kept_words} {ms} ms"
        for ms in (20, 40, 80, 160)
    ]


def test_the_keeper_gives_up_if_no_primary_ever_took_over(keeper):
    keeper.next_primary().exit(3)
    assert keeper.wait() == 1
    keeper.wait_said("the primary ended before it took over (code 3, signal 0); the keeper ends")


def test_a_first_primary_that_is_killed_before_it_took_over_is_followed_by_another(keeper, kept):
    primary = keeper.next_primary()
    primary.store("anchor", kept)
    primary.kill()
    _, items, _ = keeper.next_primary().receive_hand_over()
    assert items == {"anchor": keepers.identity(kept)}


def test_the_keeper_does_not_give_up_while_a_worker_lives(keeper):
    primary = keeper.next_primary()
    worker = primary.spawn("sleep", "1000")
    primary.send("watch", pid=worker)
    primary.exit(3)
    assert keeper.next_primary().pid
    os.kill(worker, signal.SIGKILL)


def test_a_program_that_cannot_be_opened_is_a_clear_error(start_keeper):
    keeper = start_keeper(arguments=lambda _: ["/nowhere/berthd"])
    assert keeper.wait() == 1
    keeper.wait_said("the keeper cannot keep /nowhere/berthd: No such file or directory")


def test_a_first_primary_that_cannot_be_started_is_a_clear_error(start_keeper):
    keeper = start_keeper(wrapper=["prlimit", "--nofile=5:5"])  # none is left for a channel
    assert keeper.wait() == 1
    keeper.wait_said("the primary could not be started")


def test_the_keeper_ends_with_the_code_of_a_primary_that_has_finished(keeper):
    primary = keeper.next_primary()
    primary.take_over()
    primary.send("finish", number=6)
    primary.exit(0)
    assert keeper.wait() == 6


def test_a_primary_has_not_finished_while_a_worker_lives(keeper):
    primary = keeper.next_primary()
    primary.take_over()
    worker = primary.spawn("sleep", "1000")
    primary.send("watch", pid=worker)
    primary.send("finish", number=0)
    primary.exit(0)
    primary = keeper.next_primary()
    primary.take_over()
    os.kill(worker, signal.SIGKILL)
    next_event(primary, "exited")
    primary.send("finish", number=5)
    primary.exit(0)
    assert keeper.wait() == 5


def test_a_primary_that_finishes_before_it_took_over_has_finished(keeper):
    primary = keeper.next_primary()
    primary.send("finish", number=7)
    primary.exit(0)
    assert keeper.wait() == 7


def test_the_keeper_ends_once_the_last_worker_of_a_finished_primary_has(keeper):
    primary = keeper.next_primary()
    worker = primary.spawn("sleep", "1000")
    primary.send("watch", pid=worker)
    primary.send("finish", number=7)
    os.kill(keeper.pid, signal.SIGSTOP)
    primary.exit(0)
    os.kill(worker, signal.SIGKILL)
    procs.wait_until_gone(worker)
    os.kill(keeper.pid, signal.SIGCONT)
    assert keeper.wait() == 7


def try_program(keeper, primary, path):
    with open(path, "rb") as program:
        primary.send("program", program.fileno())
    procs.wait_until_gone(primary.pid)
    primary.end.close()


def test_a_new_program_takes_over(keeper, place, kept):
    primary = keeper.next_primary()
    primary.take_over()
    primary.store("port", kept)
    copy = shutil.copy(os.path.realpath(sys.executable), place / "new")
    try_program(keeper, primary, copy)
    for upgrade in (1, 0):
        primary = keeper.next_primary()
        hello, items, _ = primary.take_over()
        assert hello.number == upgrade
        assert items == {"port": keepers.identity(kept)}
        assert primary.facts["program"] == str(copy)
        primary.kill()


def test_a_new_program_that_dies_at_once_is_rolled_back_though_the_old_path_is_gone(
    start_keeper, place
):
    old = shutil.copy(os.path.realpath(sys.executable), place / "old")

    def with_old(primary):
        return [str(old), "-I", *primary[1:]]

    env = {**os.environ, "PYTHONHOME": sys.base_prefix}
    keeper = start_keeper(arguments=with_old, env=env)
    primary = keeper.next_primary()
    primary.take_over()
    os.unlink(old)
    before = n_fds(keeper.pid)
    try_program(keeper, primary, "/bin/false")
    primary = keeper.next_primary()
    hello, _, _ = primary.take_over()
    assert hello.number == 2
    assert primary.facts["program"].startswith(str(old))
    keeper.wait_said("before it took over (code 1, signal 0); ports and workers are kept; starting the one before")
    assert n_fds(keeper.pid) == before
    primary.kill()
    hello, _, _ = keeper.next_primary().receive_hand_over()
    assert hello.number == 0


@pytest.mark.slow
def test_a_new_program_that_never_takes_over_is_rolled_back(keeper, place):
    primary = keeper.next_primary()
    primary.take_over()
    copy = shutil.copy(os.path.realpath(sys.executable), place / "new")
    try_program(keeper, primary, copy)
    hanging = keeper.next_primary()
    procs.wait_until_gone(hanging.pid, timeout_s=15)
    hello, _, _ = keeper.next_primary().receive_hand_over()
    assert hello.number == 2


def random_bytes(rng):
    size = rng.choice([1, 8, 24, 143, 144, 145, 4000])
    return rng.randbytes(size)


HOSTILE = {
    "empty": lambda p: p.send_bytes(b""),
    "truncated": lambda p: p.send_bytes(keepers.packed("ready")[:-1]),
    "oversized": lambda p: p.send_bytes(keepers.packed("ready") + b"\0"),
    "of another magic": lambda p: p.send("ready", magic=1),
    "of another version": lambda p: p.send("ready", version=2),
    "of an unknown type": lambda p: p.send(9),
    "of the keeper's own types": lambda p: p.send(32),
    "store without a descriptor": lambda p: p.send("store", name=b"x"),
    "store without a name": lambda p: p.send("store", 0),
    "a name without an end": lambda p: p.send("drop", name=b"x" * 120),
    "watch of no process": lambda p: p.send("watch", pid=0),
    "a code that is none": lambda p: p.send("finish", number=256),
    "events that were not told": lambda p: p.send("done", sequence=1),
    "a second adoption": lambda p: p.send("adopt", 0, pid=1),
    "a program before it took over": lambda p: p.send("program", 0),
    "a descriptor too many": lambda p: p.send("store", 0, 0, name=b"x"),
    "a flood of descriptors": lambda p: p.send("store", *[0] * 253, name=b"x"),
    "an unexpected descriptor": lambda p: p.send("ready", 0),
    "a closed channel": lambda p: p.close(),
    "a channel closed for writing": lambda p: p.end.shutdown(socket.SHUT_WR),
    "a channel closed for reading": lambda p: (
        p.end.shutdown(socket.SHUT_RD), p.send("watch", pid=1)
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_primary_is_ended_and_another_started(keeper, kept, what):
    primary = keeper.next_primary()
    primary.take_over()
    primary.store("port", kept)
    primary.kill()
    primary = keeper.next_primary()
    primary.receive_hand_over()
    before = n_fds(keeper.pid)
    HOSTILE[what](primary)
    procs.wait_until_gone(primary.pid)
    primary.end.close()
    keeper.wait_said("was ended, since it")
    _, items, _ = keeper.next_primary().receive_hand_over()
    assert items == {"port": keepers.identity(kept)}
    assert n_fds(keeper.pid) == before


def test_random_bytes_change_nothing(keeper, kept):
    rng = random.Random(SEED)
    primary = keeper.next_primary()
    primary.take_over()
    primary.store("port", kept)
    before = n_fds(keeper.pid)
    for _ in range(8):
        try:
            for _ in range(20):
                primary.send_bytes(random_bytes(rng), *[kept] * rng.randrange(4))
        except OSError:
            pass
        procs.wait_until_gone(primary.pid)
        primary.end.close()
        primary = keeper.next_primary()
        _, items, _ = primary.take_over()
        assert items == {"port": keepers.identity(kept)}
    assert n_fds(keeper.pid) <= before + 1


def switches(pid):
    return proc_numbers(pid, "status", "voluntary_ctxt_switches")[0]


def test_a_primary_that_does_not_read_blocks_nothing(keeper, kept):
    primary = keeper.next_primary()
    primary.take_over()
    for i in range(1000):
        primary.store(f"item/{i}", kept)
    worker = primary.spawn("sleep", "1000")
    primary.send("watch", pid=worker)
    primary.kill()
    primary = keeper.next_primary()  # and now it does not read
    os.kill(worker, signal.SIGTERM)
    procs.wait_until(lambda: procs.state_of(worker) is None, "the keeper reaps the worker")
    procs.wait_until(lambda: procs.state_of(keeper.pid) == "S", "the keeper sleeps")
    _, items, (exited,) = primary.receive_hand_over()
    assert len(items) == 1000
    assert exited.pid == worker


def test_a_full_table_is_refused_with_its_true_error(start_keeper, kept):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 8192 + 32:
        pytest.skip("needs more descriptors than the limit allows")
    keeper = start_keeper()
    primary = keeper.next_primary()
    primary.take_over()
    for i in range(8193):
        primary.store(f"item/{i}", kept)
    refused = next_event(primary, "refused")
    assert (refused.name, refused.number) == ("item/8192", errno.ENOBUFS)
    primary.send("drop", name=b"item/7")
    primary.store("again", kept)
    primary.kill()
    _, items, _ = keeper.next_primary().receive_hand_over()
    assert len(items) == 8192 and "again" in items


def test_too_many_workers_are_refused_with_their_true_error(keeper):
    primary = keeper.next_primary()
    primary.take_over()
    for pid in range(2048):
        primary.send("watch", pid=2**30 + pid)
        next_event(primary, "exited")
    primary.send("watch", pid=1)
    refused = next_event(primary, "refused")
    assert (refused.pid, refused.number) == (1, errno.ENOBUFS)


def test_a_low_limit_of_descriptors_is_refused_and_leaves_room_for_a_primary(start_keeper, kept):
    keeper = start_keeper(wrapper=["prlimit", "--nofile=64:64"])
    primary = keeper.next_primary()
    primary.take_over()
    for i in range(64):
        primary.store(f"item/{i}", kept)
    assert next_event(primary, "refused").number == errno.EMFILE
    primary.kill()
    _, items, _ = keeper.next_primary().receive_hand_over()
    assert 30 < len(items) < 64


@pytest.mark.parametrize("kind", ["store", "program"])
def test_a_descriptor_that_is_lost_on_its_way_is_refused_and_nobody_is_ended(keeper, kept, kind):
    primary = keeper.next_primary()
    primary.take_over()
    limits = resource.prlimit(keeper.pid, resource.RLIMIT_NOFILE)
    n_used = next(fd for fd in itertools.count() if fd not in procs.fds_of(keeper.pid))
    resource.prlimit(keeper.pid, resource.RLIMIT_NOFILE, (n_used, limits[1]))
    primary.send(kind, kept, name=b"lost")
    refused = next_event(primary, "refused")
    assert (refused.name, refused.number) == ("lost", errno.EMFILE)
    resource.prlimit(keeper.pid, resource.RLIMIT_NOFILE, limits)
    primary.store("kept", kept)
    primary.kill()
    _, items, _ = keeper.next_primary().receive_hand_over()
    assert items == {"kept": keepers.identity(kept)}


HOLDS_IN_FLIGHT = """
import array, socket, sys
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
for _ in range(2):
    ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 100))])
print("held", flush=True)
sys.stdin.read()
"""


def test_while_too_many_descriptors_are_in_flight_the_primary_waits_and_is_not_ended(
    start_keeper, spawn, kept
):
    if os.geteuid() != 0:
        pytest.skip("needs another user, whose descriptors in flight are counted")
    user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    keeper = start_keeper(**user)
    primary = keeper.next_primary()
    primary.take_over()
    primary.store("port", kept)
    # The keeper's own limit, and not that of its primaries.
    subprocess.run(["prlimit", f"--pid={keeper.pid}", "--nofile=100:"], check=True, **user)
    holder = spawn(
        [sys.executable, "-c", HOLDS_IN_FLIGHT],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, **user,
    )  # fmt: skip
    assert holder.stdout.readline() == b"held\n"
    primary.kill()
    primary = keeper.next_primary()
    keeper.wait_said("the primary has to wait for what is kept: too many descriptors")
    holder.stdin.close()
    _, items, _ = primary.receive_hand_over()
    assert items == {"port": keepers.identity(kept)}


def test_a_thousand_descriptors_take_less_than_300_kib(keeper, kept):
    primary = keeper.next_primary()
    primary.take_over()
    for i in range(1000):
        primary.store(f"anchor/tcp/[2001:db8::{i:x}]:8000", kept)
    primary.kill()
    primary = keeper.next_primary()
    primary.take_over()
    (pss_kib,) = proc_numbers(keeper.pid, "smaps_rollup", "Pss")
    assert pss_kib < 300


def test_the_keeper_shares_no_library_and_its_code_does_not_allocate(programs):
    program = programs.path("berth-keeper")
    dynamic = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True)
    # Where there is no musl, it links the usual libc and nothing else.
    assert set(re.findall(r"NEEDED.*\[(.*)\]", dynamic.stdout)) <= {"libc.so.6"}
    symbols = subprocess.run(["nm", "-u", programs.library("keeper")], capture_output=True, text=True, check=True)
    used = {line.split()[-1] for line in symbols.stdout.splitlines() if " U " in line}
    assert "recvmsg" in used
    assert not {"malloc", "calloc", "realloc", "reallocarray", "strdup", "fopen"} & used


def lines_of_code(path):
    """Those that are neither blank nor only comment."""
    code = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    return [line for line in code.splitlines() if line.strip()]


def test_the_keeper_is_less_than_600_lines():
    sources = Path(__file__).resolve().parents[2] / "src"
    files = [sources / "prog" / "keeper.c", *(sources / "keeper").glob("*.[ch]")]
    assert len(files) > 2
    assert sum(len(lines_of_code(path)) for path in files) < 600


def test_nothing_wakes_the_keeper_while_nothing_happens(keeper):
    primary = keeper.next_primary()
    primary.take_over()
    procs.wait_until(lambda: procs.state_of(keeper.pid) == "S", "the keeper sleeps")
    before = switches(keeper.pid)
    primary.end.settimeout(1)
    with pytest.raises(TimeoutError):
        primary.end.recv(1)
    assert switches(keeper.pid) == before


def test_the_descriptors_of_the_keeper_are_what_they_were(keeper, kept):
    primary = keeper.next_primary()
    primary.take_over()
    before = n_fds(keeper.pid)
    for _ in range(10):
        primary.store("a", kept)
        primary.store("a", kept)
        primary.send("drop", name=b"a")
        primary.kill()
        primary = keeper.next_primary()
        primary.take_over()
    assert n_fds(keeper.pid) == before


def test_as_pid_1_the_keeper_reaps_orphans_and_takes_signals(start_keeper, steered):
    keeper = start_keeper(wrapper=["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"])
    primary = keeper.next_primary()
    hello, _, _ = primary.take_over()
    assert hello.pid == 1
    (inside,) = procs.children_of(keeper.pid)
    primary.spawn("sh", "-c", "(sleep 0.01 &) & exit 0")
    procs.wait_until(lambda: len(procs.children_of(inside)) == 1, "all orphans are reaped")
    os.kill(inside, signal.SIGTERM)
    assert next_event(primary, "signalled").number == signal.SIGTERM
    primary.send("finish", number=4)
    primary.exit(0)
    assert keeper.wait() == 4


@pytest.fixture
def adopting(start_keeper, spawn):
    """A keeper that adopts a process of ours; returns it, its channel, and that process."""

    def start(adopt=True):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fd = theirs.fileno()
        keeper = start_keeper(arguments=lambda rest: ["--adopt", str(fd), *rest], pass_fds=[fd])
        theirs.close()
        channel = keepers.Channel(ours)
        adopted = spawn(["sleep", "1000"])
        if adopt:
            pidfd = os.pidfd_open(adopted.pid)
            channel.send("adopt", pidfd, pid=adopted.pid)
            os.close(pidfd)
        return keeper, channel, adopted

    return start


def test_an_adopted_primary_is_replaced_when_it_ends(adopting, kept):
    keeper, channel, adopted = adopting()
    hello, items, _ = channel.receive_hand_over()
    assert (hello.pid, items) == (keeper.pid, {})
    channel.send("store", kept, name=b"port")
    adopted.kill()
    primary = keeper.next_primary()
    _, items, _ = primary.take_over()
    assert items == {"port": keepers.identity(kept)}
    keeper.wait_said("the primary ended (how is not known: it was not this keeper's child); ports")
    primary.kill()
    assert keeper.next_primary().pid


def test_an_adopted_primary_that_has_ended_meanwhile_is_replaced(adopting, kept):
    keeper, channel, adopted = adopting(adopt=False)
    pidfd = os.pidfd_open(adopted.pid)
    adopted.kill()
    adopted.wait()
    # It reads both at once, or would have found the channel at its end after the first.
    os.kill(keeper.pid, signal.SIGSTOP)
    channel.send("adopt", pidfd, pid=adopted.pid)
    os.close(pidfd)
    channel.send("store", kept, name=b"port")
    os.kill(keeper.pid, signal.SIGCONT)
    channel.end.close()
    _, items, _ = keeper.next_primary().take_over()
    assert items == {"port": keepers.identity(kept)}


def test_an_adopted_primary_that_is_hostile_is_ended(adopting):
    keeper, channel, adopted = adopting()
    channel.send_bytes(b"?")
    assert adopted.wait(timeout=10) == -signal.SIGKILL
    assert keeper.next_primary().pid


def test_an_adopted_primary_can_finish(adopting):
    keeper, channel, adopted = adopting()
    channel.send("finish", number=9)
    adopted.kill()
    assert keeper.wait() == 9


def test_a_keeper_whose_first_word_is_no_adoption_ends(adopting):
    keeper, channel, adopted = adopting(adopt=False)
    channel.send("ready")
    assert keeper.wait() == 1
    keeper.wait_said("the keeper cannot keep")
    assert adopted.poll() is None
