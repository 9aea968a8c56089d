"""
The primary is killed behind each of its effects, one after the other, in a life that
passes them all: workers that start, listen, listen again, die, become more and fewer,
a reload, an upgrade, a stop. Nobody outside may notice.
"""

import collections
import concurrent.futures
import contextlib
import functools
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

import clients
import flows
import procs
from berthrun import BerthRun, event
from conftest import REPO, SHARED, STEERED, lack_of, require

FAULT_BUILD = REPO / "build-fault"
AT_ONCE = 3
place_of_ours = 0  # below AT_ONCE: of this process among those that live side by side
NOBODY = 65534
LISTENS = "0A"  # a socket's state, in /proc/net/tcp

# Clients for two queues. When one of them moves, no single worker can get it all: a turn is 16
CROWD = 2 * 64

POINTS = subprocess.run(
    [sys.executable, REPO / "tools" / "effects.py", "--list", REPO / "src"],
    capture_output=True,
    text=True,
    check=True,
).stdout.split()

# Passed by no life without a death, or by none that a test could arrange.
UNREACHED = {
    "new_keeper_fork": "only where the keeper has died: test_keeper_death.py kills there",
    "broker_make_theirs": "only where a bind fails beside a claim that has succeeded",
    "sock_stop_listening": "only where a worker listens and gets no berth: all are taken",
    "port_remains_leave_seat": "mends what an earlier death has left",
    "port_remains_take_seat": "mends what an earlier death has left",
}


def children(pid):
    return [int(kid) for kid in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def name_of(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None


def n_queued(pid, ports):
    """How many connections wait in queues of @pid's at @ports."""
    ours = set(procs.fds_of(pid).values())
    n = 0
    with open("/proc/net/tcp") as table:
        next(table)
        for _, local, _, state, sizes, *_, inode in (row.split()[:10] for row in table):
            if state != LISTENS:
                break  # those that listen come first, and of the others there may be very many
            if int(local.split(":")[1], 16) in ports and f"socket:[{inode}]" in ours:
                n += int(sizes.split(":")[1], 16)
    return n


def own_port():
    """A free port that no life beside this one gets."""
    return next(port for port in iter(clients.free_port, None) if port % AT_ONCE == place_of_ours)


class Prober(threading.Thread):
    """A client that comes again and again, and is served each time."""

    def __init__(self, addresses):
        super().__init__(daemon=True)
        self._addresses = addresses
        self._failures = []
        self._over = threading.Event()

    def run(self):
        while not self._over.wait(0.004):
            for address in self._addresses:
                try:
                    clients.get_number(address)
                except (OSError, AssertionError) as error:
                    self._failures.append(f"{address}: {error!r}")

    def __enter__(self):
        self.start()

    def __exit__(self, kind, *_):
        self._over.set()
        self.join()
        assert kind or not self._failures, f"not served: {self._failures}"


class Life:
    """One berth from start to end. With @fault, "POINT:N", its primary dies there."""

    def __init__(self, tier, place, fault=None):
        self.place = Path(tempfile.mkdtemp(dir=place))
        self.place.chmod(0o777)
        self.listed = [own_port(), own_port()]
        self.path = str(self.place / "socket")
        self.addresses = [*self.listed, own_port(), self.path]
        self.udp = own_port()
        self._leave_stale_socket()
        self.fault = fault
        env = {"BERTH_FAULT_LOG": str(self.place / "log")}
        if fault:
            env |= {"BERTH_FAULT": fault, "BERTH_FAULT_COUNT": str(self.place / "count")}
        self.run = BerthRun(self._command(tier), env=env)
        self.times = collections.Counter()  # how often each worker was told to listen again

    def _command(self, tier):
        exact, number, other = self.addresses[:3]
        return [
            *(FAULT_BUILD / "berth", "run", "--json", "--mode", tier.name, "-n", "2"),
            *("--listen", f"127.0.0.1:{exact}", "--listen", str(number)),
            *("--listen", f"unix:{self.path}"),
            *("--udp-hold", "--udp-idle", "100ms", "--quic", str(self.udp)),
            *("--drain", "2s", "--idle-close", "100ms", "--watch", "off", "--undo", "off", "--"),
            *("/bin/sh", "-c", f'"$0" {self.udp} & exec "$@"'),
            *(FAULT_BUILD / "tests" / "servers" / "datagrams",),
            *(FAULT_BUILD / "tests" / "servers" / "several", "--even-as", str(NOBODY)),
            *(f"127.0.0.1:{exact}", str(number), f"127.0.0.1:{other}", f"unix:{self.path}"),
        ]

    def _leave_stale_socket(self):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(self.path)

    def _is_ready(self, pid):
        wanted = f"ready {self.times[pid]}"
        return self.run.matching(
            lambda line: line.fields.get("pid") == pid and line.fields.get("message") == wanted
        )

    def _is_settled(self, slots):
        """Whether there's one primary, one worker in each slot, all of them ready, and no more."""
        kids = children(self.run.pid)
        workers = [pid for pid in kids if name_of(pid) == "several"]
        primaries = [pid for pid in kids if name_of(pid) == "berthd"]
        return (
            len(kids) == len(slots) + 1
            and len(primaries) == 1
            and sorted(procs.slot_of(pid) for pid in workers) == slots
            and all(map(self._is_ready, workers))
        )

    def settle(self, slots):
        assert self.run.process.poll() is None, "berth has ended"
        procs.wait_until(lambda: self._is_settled(slots), f"workers {slots}")
        workers = set(self.run.workers().values())
        for address in self.addresses:
            for _ in range(3):
                assert clients.get_number(address) in workers
        with flows.flows(self.udp, 3) as each:
            slots_seen = {flow.ask_until_answered().slot for flow in each}
        assert slots_seen <= set(slots)

    def primary(self):
        found = [pid for pid in children(self.run.pid) if name_of(pid) == "berthd"]
        return found[0] if len(found) == 1 else None

    def descriptors(self):
        """What the keeper holds, by kind."""
        targets = procs.fds_of(self.run.pid).values()
        return collections.Counter(target.split(":[")[0] for target in targets)

    def _is_at_rest(self):
        """Whether the primary has sent what it had to, and then, the keeper has read it."""
        primary = self.primary()
        return primary and all(procs.state_of(pid) == "S" for pid in (primary, self.run.pid))

    # What happens in a life

    def listen_again(self):
        for pid in self.run.workers().values():
            self.times[pid] += 1
            os.kill(pid, signal.SIGUSR1)
            self.settle([1, 2])

    def kill_worker(self):
        """One with clients in its queues: they are served by the other one, which sleeps."""
        pid, other = (self.run.workers()[slot] for slot in (1, 2))
        for each in (pid, other):
            os.kill(each, signal.SIGSTOP)
            procs.wait_until(lambda: procs.state_of(each) == "T", f"worker {each} is stopped")
        addresses = [self.listed[0]] * CROWD + [self.listed[1]]
        waiting = [clients.start_get(address) for address in addresses]
        os.kill(other, signal.SIGCONT)
        procs.wait_until(
            lambda: procs.state_of(other) == "S" and not n_queued(other, self.listed),
            f"worker {other} has served its clients, and sleeps",
        )
        os.kill(pid, signal.SIGKILL)
        procs.wait_until_gone(pid)
        for client in waiting:
            clients.finish_get(client)
        self.settle([1, 2])

    def scale(self):
        self.run.send(signal.SIGTTIN)
        self.settle([1, 2, 3])
        self.run.send(signal.SIGTTOU)
        self.settle([1, 2])

    def reload(self):
        """While clients who say nothing are connected: those are sent away."""
        silent = [clients.connect(self.listed[0]) for _ in range(2)]
        self.run.send(signal.SIGHUP)
        self.run.wait_for(event("reloaded"))
        for client in silent:
            client.close()
        self.settle([1, 2])

    def upgrade(self):
        before = procs.wait_until(self.primary, "a primary")
        self.run.send(signal.SIGUSR2)
        procs.wait_until(lambda: self.primary() not in (None, before), "another primary")
        program = str(FAULT_BUILD / "berthd")
        procs.wait_until(lambda: self.descriptors()[program] == 1, "the one before is given up")
        self.settle([1, 2])

    def stop(self):
        self.run.stop()
        left = set(os.listdir(self.place)) - {"log", "count"}
        assert not left, f"left behind: {left}"

    def live(self, descriptors=None):
        """Returns what the keeper holds in the beginning; @descriptors: what it is to hold."""
        self.settle([1, 2])
        if not descriptors:
            procs.wait_until(self._is_at_rest, "nothing is on its way to the keeper")
            descriptors = self.descriptors()
        with Prober(self.listed):
            self.listen_again()
        self.kill_worker()
        with Prober(self.listed):
            self.scale()
            self.reload()
            self.upgrade()
        procs.wait_until(
            lambda: self.descriptors() == descriptors,
            lambda: f"the keeper holds {self.descriptors()}, not {descriptors}",
        )
        self.stop()
        return descriptors

    def passages(self):
        return collections.Counter((self.place / "log").read_text().split())

    def has_died(self):
        n = int(self.fault.split(":")[1])
        count = self.place / "count"
        return count.exists() and count.stat().st_size >= n

    def end(self):
        self.run.clean_up()


def begin_process(places):
    global place_of_ours
    place_of_ours = places.get()
    procs.become_subreaper()


@contextlib.contextmanager
def side_by_side():
    """Processes, since each one looks for what its lives have left behind."""
    context = multiprocessing.get_context("fork")
    places = context.Queue()
    for place in range(AT_ONCE):
        places.put(place)
    with concurrent.futures.ProcessPoolExecutor(AT_ONCE, context, begin_process, (places,)) as made:
        yield made


def spread(n, n_wanted):
    """@n_wanted of the numbers 1 to @n, the first and the last among them."""
    if n <= n_wanted:
        return list(range(1, n + 1))
    return sorted({1 + i * (n - 1) // (n_wanted - 1) for i in range(n_wanted)})


@pytest.fixture(scope="module")
def pool():
    if not (FAULT_BUILD / "berth").is_file():
        pytest.fail(f"{FAULT_BUILD} is not built: ./dev test does so")
    with side_by_side() as made:
        yield made


@pytest.fixture(scope="module")
def undisturbed(pool, scratch):
    """Of each tier: passages of each point, and what the keeper holds, in a life without a death."""
    if os.geteuid() != 0:
        pytest.skip("workers of another user need root")
    tiers = [tier for tier in (STEERED, SHARED) if not lack_of(tier)]
    return {tier: pool.submit(live, tier, scratch).result() for tier in tiers}


def live(tier, place):
    life = Life(tier, place)
    try:
        held = life.live()
        return life.passages(), held
    finally:
        life.end()


def live_with(place, tier, held, fault):
    """Returns whether the primary has died, and what went wrong."""
    life = Life(tier, place, fault)
    try:
        life.live(held)
        return life.has_died(), None
    except (AssertionError, OSError) as error:
        return life.has_died(), f"{tier.name}, {fault}: {error!r}\n{life.run.output()}"
    finally:
        life.end()


def lives_at(point, undisturbed):
    """The lives to be lived, as arguments of live_with()."""
    for tier, (passages, held) in undisturbed.items():
        for n in spread(passages[point], 6 + passages[point] // 32):
            yield tier, held, f"{point}:{n}"


@pytest.mark.parametrize("point", sorted(set(POINTS) - UNREACHED.keys()))
def test_nobody_notices_that_the_primary_is_killed_at(point, undisturbed, pool, scratch):
    lives = list(lives_at(point, undisturbed))
    if not lives:
        require(STEERED)  # the point may be one that nobody passes but in this tier
    assert lives, "no life passes this point: add to it what does"
    tiers = [tier for tier, *_ in lives]
    died_in = set()
    # Where one goes wrong, those that have not begun don't: each may take long.
    with contextlib.closing(pool.map(functools.partial(live_with, scratch), *zip(*lives))) as ends:
        for tier, (has_died, wrong) in zip(tiers, ends):
            assert not wrong, wrong
            died_in |= {tier} if has_died else set()
    assert died_in == set(tiers), "no primary has died there"


def end_of_hopeless(tier, place, fault=None):
    """Returns the exit code of a berth whose command cannot be executed, and what it passed."""
    place = Path(tempfile.mkdtemp(dir=place))
    place.chmod(0o777)
    command = place / "command"
    command.write_text("#!/there/is/no/such/interpreter\n")
    command.chmod(0o755)
    env = {"BERTH_FAULT_LOG": str(place / "log")}
    if fault:
        env |= {"BERTH_FAULT": fault, "BERTH_FAULT_COUNT": str(place / "count")}
    berth = [FAULT_BUILD / "berth", "run", "--mode", tier.name, "-n", "2", "--", command]
    run = BerthRun(list(map(str, berth)), env=env)
    try:
        return run.wait(), collections.Counter((place / "log").read_text().split())
    except AssertionError as error:
        return f"{fault}: {error}", None
    finally:
        run.clean_up()


def test_that_the_command_cannot_be_executed_is_not_forgotten(undisturbed, pool, scratch):
    tier = next(iter(undisturbed))
    code, passages = end_of_hopeless(tier, scratch)
    assert code == 127
    faults = [
        f"{point}:{n}"
        for point in ("keeper_link_send", "spawn_go", "spawn_read_report")
        for n in range(1, passages[point] + 1)
    ]
    ends = pool.map(functools.partial(end_of_hopeless, tier, scratch), faults)
    assert {end for end, _ in ends} == {127}


def test_no_point_is_without_reason_left_out():
    assert UNREACHED.keys() <= set(POINTS)
