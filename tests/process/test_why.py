"""`berth why PORT`, with nothing of berth running: who holds a port, as any user."""

import contextlib
import ctypes
import dataclasses
import errno
import fcntl
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess

import pytest

import apps
import clients
import procs
from family import Family

FREE, FAILED, USAGE, NOT_PERMITTED, HELD = 0, 1, 2, 4, 8

def as_nobody(user):
    return {"user": user, "group": "nogroup", "extra_groups": []} if user else {}


def is_root():
    return os.geteuid() == 0


needs_root = pytest.mark.skipif(
    not is_root(), reason="needs root, for two users or a network of its own"
)


def me():
    return subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()


CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 1


@contextlib.contextmanager
def another_network():
    """We, and those whom we start meanwhile, are in a new network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net", "rb") as home:
        if libc.unshare(CLONE_NEWNET) != 0:
            pytest.skip("no right to make a network namespace")
        try:
            with socket.socket() as sock:
                fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
            yield
        finally:
            assert libc.setns(home.fileno(), CLONE_NEWNET) == 0


@pytest.fixture(autouse=True)
def network():
    """
    Root's tests are alone in their network: whoever asks there for a port that is free
    at one address has one that is free at all, and no TIME_WAIT is forgotten because
    the kernel has too many of them.
    """
    with another_network() if is_root() else contextlib.nullcontext():
        yield


@pytest.fixture(autouse=True)
def no_orphans():
    """The children of a holder that has been ended are left to us."""
    yield
    procs.reap_orphans()


@dataclasses.dataclass
class Holder:
    pid: int
    port: int


@pytest.fixture
def holder(spawn, place):
    """Starts a process that holds sockets; returns its pid and their port."""
    program = apps.copied(apps.HERE / "hold_sockets.py", place)

    def start(*sockets, user=None, argv=(), **plan):
        process = spawn(
            [apps.PYTHON, program, json.dumps({"sockets": sockets, **plan}), *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            **as_nobody(user),
        )
        line = process.stdout.readline()
        assert line, f"the holder of {sockets} has failed"
        return Holder(process.pid, int(line))

    return start


def listening(host, *options):
    return {"host": host, "listen": True, "options": options}


def bound(host, *options, **more):
    return {"host": host, "options": options, **more}


@dataclasses.dataclass
class Answer:
    """What `berth why` said, for people and for programs; both came to the same."""

    code: int
    text: str
    json: dict

    def sockets(self, in_the_way=True):
        return [s for s in self.json["sockets"] if (s["effect"] != "none") == in_the_way]

    def pids(self, in_the_way=True):
        return {p["pid"] for s in self.sockets(in_the_way) for p in s["processes"]}

    def process(self, pid):
        for s in self.json["sockets"]:
            for process in s["processes"]:
                if process["pid"] == pid:
                    return process
        raise AssertionError(f"{pid} is not in {self.text}")

    def assert_free(self):
        assert self.code == FREE, self.text
        assert self.json["verdict"] == "free"
        assert self.json["bindable"]
        assert "is free, and this berth process" in self.text

    def assert_held(self):
        assert self.code == HELD, self.text
        assert self.json["verdict"] == "held"
        assert "is held" in self.text


@pytest.fixture
def why(berth):
    def ask(address, user=None):
        text = berth("why", address, user=user)
        as_json = berth("why", "--json", address, user=user)
        assert text.returncode == as_json.returncode, (text, as_json)
        assert not text.stderr and not as_json.stderr, (text, as_json)
        return Answer(text.returncode, text.stdout, json.loads(as_json.stdout))

    return ask


def endings(answer):
    """Whom to end, and nothing else that would change it."""
    return [each for each in answer.json["changes"] if each.startswith(("end ", "and end "))]


def test_a_listening_socket_is_named_with_its_process_user_command_and_start(holder, why):
    held = holder(listening("127.0.0.1"), argv=["a-word-to-find"])
    answer = why(held.port)
    answer.assert_held()
    (sock,) = answer.sockets()
    assert sock["address"] == f"127.0.0.1:{held.port}"
    assert sock["state"] == "listening"
    assert sock["user"] == me()
    assert sock["backlog"] == 7
    (process,) = sock["processes"]
    assert process["pid"] == held.pid
    assert process["parent"] == os.getpid()
    assert process["user"] == me()
    assert "a-word-to-find" in process["command"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", process["since"])
    assert f"(pid {held.pid}, user {me()})" in answer.text
    assert "a-word-to-find" in answer.text
    assert f"end python3 (pid {held.pid})" in answer.text


def test_a_wildcard_holds_every_address_of_its_ip_version(holder, why):
    held = holder(listening("0.0.0.0"))
    for host in ("127.0.0.1", "127.0.0.2", "0.0.0.0"):
        answer = why(f"{host}:{held.port}")
        answer.assert_held()
        assert answer.pids() == {held.pid}
    answer = why(f"[::1]:{held.port}")
    answer.assert_free()
    assert answer.pids(in_the_way=False) == {held.pid}
    assert "not in the way" in answer.text


def test_one_address_holds_the_wildcard_and_leaves_the_others_free(holder, why):
    held = holder(listening("127.0.0.1"))
    for address in (f"0.0.0.0:{held.port}", held.port, f"[::]:{held.port}"):
        answer = why(address)
        answer.assert_held()
        assert answer.pids() == {held.pid}
    assert "bind [::] with IPV6_V6ONLY" in why(f"[::]:{held.port}").text
    why(f"127.0.0.2:{held.port}").assert_free()


def test_a_dual_stack_socket_holds_ipv4_too(holder, why):
    held = holder(listening("::"))
    for address in (f"127.0.0.1:{held.port}", f"0.0.0.0:{held.port}", f"[::1]:{held.port}"):
        answer = why(address)
        answer.assert_held()
        assert answer.pids() == {held.pid}
    assert "(IPv6 and IPv4)" in answer.text


def test_a_v6only_socket_leaves_ipv4_free(holder, why):
    held = holder(listening("::", "v6only"))
    why(f"127.0.0.1:{held.port}").assert_free()
    answer = why(f"[::1]:{held.port}")
    answer.assert_held()
    assert "(IPv6 only)" in answer.text


def test_a_socket_that_is_bound_and_does_not_listen_is_named(holder, why):
    held = holder(bound("127.0.0.1"))
    answer = why(held.port)
    answer.assert_held()
    if not answer.sockets():
        pytest.skip("this kernel does not show sockets that are only bound (before Linux 6.8)")
    assert answer.sockets()[0]["state"] == "bound"
    assert answer.pids() == {held.pid}


def test_a_bound_socket_with_reuseaddr_is_not_in_the_way_and_is_told(holder, why):
    held = holder(bound("127.0.0.1", "reuseaddr"))
    answer = why(held.port)
    answer.assert_free()
    if answer.sockets(in_the_way=False):
        assert "whoever calls listen() first" in answer.text


def connections_without_a_listener(*options):
    """One connection that the server has closed first; returns its port at the server."""
    with socket.socket() as server, socket.socket() as client:
        for option in options:
            server.setsockopt(socket.SOL_SOCKET, option, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())
        server.accept()[0].close()
        assert client.recv(1) == b""
        return server.getsockname()[1]


@needs_root
def test_time_wait_without_reuseaddr_holds_the_port_and_tells_for_how_long(why):
    port = connections_without_a_listener()
    answer = why(port)
    answer.assert_held()
    (sock,) = answer.sockets()
    assert sock["state"] == "time-wait"
    assert 0 < sock["ends_in_ms"] <= 60000
    assert sock["processes"] == []
    assert re.search(r"wait \d+ s, until the last of 1 closed connection", answer.text)
    assert "set SO_REUSEADDR" in answer.text


@needs_root
def test_time_wait_with_reuseaddr_is_not_in_the_way(why):
    answer = why(connections_without_a_listener(socket.SO_REUSEADDR))
    answer.assert_free()
    assert answer.json["sockets"] == []


def test_the_local_end_of_a_connection_holds_its_port(why):
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as client:
            answer = why(client.getsockname()[1])
            answer.assert_held()
            (sock,) = answer.sockets()
            assert sock["state"] == "connected"
            assert sock["peer"] == f"127.0.0.1:{server.getsockname()[1]}"
            assert answer.pids() == {os.getpid()}
            assert "ip_local_reserved_ports" in answer.text


def test_connections_of_a_listening_socket_are_counted(holder, why):
    held = holder(listening("127.0.0.1"))
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(socket.create_connection(("127.0.0.1", held.port)))
        answer = why(held.port)
    answer.assert_held()
    assert "3 waiting to be accepted" in answer.text
    assert "and 3 connections (connected)" in answer.text
    assert answer.json["in_the_way"]["connected"] == 3


def test_sockets_of_a_reuseport_group_are_one_entry_with_all_processes(holder, why):
    first = holder(listening("127.0.0.1", "reuseport"))
    answer = why(first.port)
    assert answer.sockets()[0]["group"]["shareable"] is True
    second = holder(
        listening("127.0.0.1", "reuseport"), listening("127.0.0.1", "reuseport"), port=first.port
    )
    answer = why(first.port)
    answer.assert_held()
    assert answer.pids() == {first.pid, second.pid}
    assert [s["group"]["sockets"] for s in answer.sockets()] == [3, 3, 3]
    assert len({s["group"]["number"] for s in answer.sockets()}) == 1
    assert "3 sockets that share it (a reuseport group)" in answer.text
    assert answer.text.count("listening on") == 1
    assert re.search(rf"\(pid {second.pid}, .*, 2 sockets", answer.text)


def test_a_socket_without_reuseport_shares_with_nobody(holder, why):
    held = holder(listening("127.0.0.1"))
    answer = why(held.port)
    assert answer.sockets()[0]["group"]["shareable"] is False
    assert "shares it with no other socket" in answer.text


@needs_root
def test_root_is_told_whether_another_user_shares(holder, why):
    alone = holder(listening("127.0.0.1"), user="nobody")
    shared = holder(listening("127.0.0.1", "reuseport"), user="nobody")
    assert why(alone.port).sockets()[0]["group"]["shareable"] is False
    assert why(shared.port).sockets()[0]["group"]["shareable"] is True


def test_berth_its_workers_and_strangers_are_told_apart_in_a_group(holder, why):
    berth = holder(listening("127.0.0.1", "reuseport"), name="berth", children=2)
    stranger = holder(listening("127.0.0.1", "reuseport"), port=berth.port, argv=["stranger"])
    answer = why(berth.port)
    answer.assert_held()
    roles = {pid: answer.process(pid)["role"] for pid in answer.pids()}
    assert roles.pop(berth.pid) == "berth"
    assert roles.pop(stranger.pid) == "stranger"
    assert sorted(roles.values()) == ["worker", "worker"]
    assert f"python3 (pid {stranger.pid}) is a stranger in the reuseport group" in answer.text
    assert f"end berth (pid {berth.pid}): its workers end with it" in answer.text


@pytest.mark.parametrize("option", ["--unique", "--private"])
def test_a_worker_at_its_own_port_is_one_of_berths_and_berth_is_the_one_to_end(
    berth_run, place, why, tier, option
):
    port = clients.free_port()
    command = [*apps.listen_on(place), f"4:127.0.0.1:{port}"]
    run = berth_run(["-n", 1, option, port, "--", *command], tier=tier)
    run.wait_for("listening ")
    answer = why(port + 1 if option == "--unique" else port)
    answer.assert_held()
    (worker,) = run.workers().values()
    assert answer.pids() == {worker}
    assert answer.process(worker)["role"] == "worker"
    assert answer.process(worker)["berth"] == run.pid
    assert "a worker of berth" in answer.text
    ends = endings(answer)
    assert len(ends) == 1
    assert ends[0].startswith(f"end berth-keeper (pid {run.pid}), berth app listen_on")
    run.stop()


def test_a_port_that_berth_shares_names_the_app_and_its_keeper_is_the_one_to_end(
    berth_run, programs, why, tier
):
    port = clients.free_port()
    run = berth_run(["-n", 2, "--name", "shop", "--", programs.hello, port], tier=tier)
    run.wait_listening(2)
    answer = why(port)
    answer.assert_held()
    for worker in run.workers().values():
        assert answer.process(worker)["role"] == "worker"
        assert answer.process(worker)["app"] == "shop"
    assert "a worker of berth app shop" in answer.text
    assert endings(answer) == [
        f"end berth-keeper (pid {run.pid}), berth app shop: its workers end with it"
    ]
    second = berth_run(["-n", 1, "--listen", port, "--", programs.hello, port], tier=tier)
    second.ends_with(HELD)
    assert re.search(rf"\(pid {run.pid}, user \w+, berth app shop\)", second.output())
    run.stop()


@pytest.mark.parametrize("option", [None, "--unique", "--private"])
def test_after_the_death_of_its_keeper_a_worker_is_still_one_of_berths(
    berth_run, place, why, tier, option
):
    port = clients.free_port()
    command = [*apps.listen_on(place), f"4:127.0.0.1:{port}"]
    own = [option, port] if option else []
    run = berth_run(["-n", 1, "--name", "shop", *own, "--", *command], tier=tier)
    run.wait_for("listening ")
    family = Family(run)
    (worker,) = family.wait_whole(1).values()
    family.kill_keeper()
    answer = why(port + 1 if option == "--unique" else port)
    answer.assert_held()
    assert answer.process(worker)["role"] == "worker"
    assert answer.process(worker)["berth"] == family.keeper
    assert "stranger" not in answer.text
    assert endings(answer) == [
        f"end berth-keeper (pid {family.keeper}), berth app shop: its workers end with it"
    ]
    family.end()


def test_a_workers_child_that_has_run_away_from_it_is_still_one_of_berths(
    berth_run, place, why, steered
):
    port = clients.free_port()
    listen = " ".join(map(str, [*apps.listen_on(place), f"4:127.0.0.1:{port}"]))
    run = berth_run(
        ["-n", 1, "--private", port, "--", "sh", "-c", f"setsid --fork {listen}; exec sleep 1000"],
        tier=steered,
    )
    run.wait_for("listening ")
    family = Family(run)
    family.kill_keeper()
    answer = why(port)
    (runaway,) = answer.pids()
    assert answer.process(runaway)["parent"] == os.getpid()
    assert answer.process(runaway)["role"] == "worker"
    assert answer.process(runaway)["berth"] == family.keeper
    family.end()


def test_a_worker_whose_keeper_and_primary_have_died_is_told_as_left_over(
    berth_run, programs, why, tier
):
    port = clients.free_port()
    run = berth_run(["-n", 2, "--name", "shop", "--", programs.hello, port], tier=tier)
    run.wait_for("listens on port", count=2)  # their own words: no call is under way any more
    workers = sorted(run.workers().values())
    primary = Family(run).primary()
    # The other way round the kernel wakes the primary: its process group is an orphan's then.
    os.kill(run.pid, signal.SIGSTOP)
    procs.wait_until(lambda: procs.state_of(run.pid) == "T", "the keeper stands still")
    for pid in (primary, run.pid):
        os.kill(pid, signal.SIGKILL)
        procs.wait_until_gone(pid)
    answer = why(port)
    answer.assert_held()
    assert {answer.process(pid)["role"] for pid in workers} == {"left-over"}
    assert "left over from berth app shop, which died" in answer.text
    ends = endings(answer)
    assert len(ends) == 1
    listed = ends[0].removeprefix("end what a berth that died has left over: kill ")
    assert sorted(map(int, listed.split())) == workers
    second = berth_run(["-n", 1, "--listen", port, "--", programs.hello, port], tier=tier)
    assert second.wait() == HELD, second.output()
    assert "left over from berth app shop, which died)" in second.output()
    assert "`berth why` with this port tells of all that are left" in second.output()
    subprocess.run(["sh", "-c", f"kill {listed}"], check=True)
    for pid in workers:
        procs.wait_until_gone(pid)
    why(port).assert_free()


def test_several_processes_of_one_socket_are_all_named_and_the_first_is_the_one_to_end(
    holder, why
):
    held = holder(listening("127.0.0.1"), children=3)
    answer = why(held.port)
    assert len(answer.sockets()) == 1
    assert len(answer.pids()) == 4
    ends = [change for change in answer.json["changes"] if change.startswith("end ")]
    assert len(ends) == 1
    assert f"(pid {held.pid})" in ends[0]


def test_who_asks_for_a_number_is_not_taken_to_bind_every_address(holder, why):
    held = holder(listening("127.0.0.1"))
    changes = why(held.port).json["changes"]
    assert not [change for change in changes if "instead of all" in change]
    assert [change for change in changes if change.startswith("a program that binds every address")]


@needs_root
def test_root_sees_the_process_of_another_user(holder, why):
    held = holder(listening("127.0.0.1"), user="nobody")
    answer = why(held.port)
    answer.assert_held()
    assert answer.process(held.pid)["user"] == "nobody"
    assert answer.sockets()[0]["user"] == "nobody"


@needs_root
def test_another_users_process_is_hidden_and_the_way_to_see_it_is_told(holder, why):
    held = holder(listening("127.0.0.1"))
    answer = why(held.port, user="nobody")
    answer.assert_held()
    (sock,) = answer.sockets()
    assert sock["user"] == "root"
    assert sock["processes"] == []
    assert sock["group"]["shareable"] is None
    assert answer.json["hidden_processes"] > 0
    assert "a process that only root can see" in answer.text
    assert "run `berth why` as root" in answer.text


@needs_root
def test_a_user_sees_his_own_processes(holder, why):
    held = holder(listening("127.0.0.1"), user="nobody")
    answer = why(held.port, user="nobody")
    answer.assert_held()
    assert answer.pids() == {held.pid}
    assert "as root" not in answer.text


def test_a_free_port_is_free(why):
    answer = why(clients.free_port())
    answer.assert_free()
    assert f"this berth process (user {me()}) may bind it" in answer.text
    assert answer.json["sockets"] == []
    assert answer.json["changes"] == []


def test_a_port_that_was_freed_a_moment_ago_is_free_and_binds(berth):
    port = clients.free_port()
    for _ in range(20):
        with socket.create_server(("127.0.0.1", port)):
            assert berth("why", port).returncode == HELD
        assert berth("why", port).returncode == FREE


def test_asking_leaves_nothing_behind(why):
    port = clients.free_port()
    why(port).assert_free()
    with socket.socket() as sock:
        sock.bind(("0.0.0.0", port))
        sock.listen()


def privileged_port():
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as start:
        limit = int(start.read())
    candidates = list(range(1, limit))
    random.shuffle(candidates)
    for port in candidates:
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("0.0.0.0", port))
            return port
    pytest.skip("there are no privileged ports here, or none is free")


@needs_root
def test_a_privileged_port_is_free_for_root_and_not_permitted_to_nobody(why):
    port = privileged_port()
    why(port).assert_free()
    answer = why(port, user="nobody")
    assert answer.code == NOT_PERMITTED
    assert answer.json["verdict"] == "not-permitted"
    assert answer.json["error"] == "EACCES"
    assert not answer.json["bindable"]
    assert f"port {port}/tcp is below 1024 and this berth process may not bind it" in answer.text


@needs_root
def test_a_privileged_port_that_is_held_is_held_for_nobody_too(holder, why):
    port = privileged_port()
    held = holder(listening("127.0.0.1"), port=port)
    assert held.port == port
    why(port, user="nobody").assert_held()


def test_an_address_of_another_host_cannot_be_bound_and_says_why(why):
    answer = why("192.0.2.1:8000")
    assert answer.code == FAILED
    assert answer.json["verdict"] == "unusable"
    assert answer.json["error"] == "EADDRNOTAVAIL"
    assert "this host has no such address" in answer.text


def test_udp_and_tcp_do_not_stand_in_each_others_way(holder, why):
    held = holder(bound("127.0.0.1", udp=True))
    answer = why(f"{held.port}/udp")
    answer.assert_held()
    assert answer.pids() == {held.pid}
    answer = why(held.port)
    assert held.pid in answer.pids(in_the_way=False)
    assert f"127.0.0.1:{held.port}/udp" in answer.text


def test_a_listening_socket_of_mptcp_is_named(holder, why):
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).close()
    except OSError as error:
        assert error.errno in (errno.EPROTONOSUPPORT, errno.ENOPROTOOPT)
        pytest.skip("this kernel has no MPTCP")
    held = holder({"host": "127.0.0.1", "listen": True, "protocol": 262})
    answer = why(held.port)
    answer.assert_held()
    assert answer.pids() == {held.pid}


def test_a_unix_path_is_held_by_its_listener_then_by_its_file_then_by_nobody(why, place):
    path = place / "socket"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()
        answer = why(f"unix:{path}")
        answer.assert_held()
        assert answer.pids() == {os.getpid()}
    answer = why(f"unix:{path}")
    answer.assert_held()
    assert "left behind: `berth run --listen` replaces it, others must remove it" in answer.text
    path.unlink()
    path.touch()
    answer = why(f"unix:{path}")
    answer.assert_held()
    assert "a file that is no socket" in answer.text
    path.unlink()
    why(f"unix:{path}").assert_free()
    assert not path.exists()


def test_an_abstract_name_is_held_by_its_listener(why, place):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"\0{place}")
        sock.listen()
        answer = why(f"unix:@{place}")
        answer.assert_held()
        assert answer.pids() == {os.getpid()}
    why(f"unix:@{place}").assert_free()


def test_a_path_in_a_directory_that_is_not_there_says_so(why, place):
    answer = why(f"unix:{place}/nowhere/socket")
    assert answer.code == FAILED
    assert "its directory does not exist" in answer.text


@needs_root
def test_a_path_where_one_may_not_write_is_not_permitted(why, place):
    place.chmod(0o755)
    why(f"unix:{place}/socket").assert_free()
    assert why(f"unix:{place}/socket", user="nobody").code == NOT_PERMITTED


def test_what_a_process_calls_itself_cannot_reach_the_terminal(holder, why):
    evil = "\033[2J\x9b\u202e\n"
    held = holder(listening("127.0.0.1"), name="\033[2J)\n(", argv=[evil])
    answer = why(held.port)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", answer.text)
    process = answer.process(held.pid)
    assert process["name"] == r"\x1b[2J)\x0a("
    assert r"\x1b[2J" in process["command"]
    assert rf"\x1b[2J)\x0a( (pid {held.pid}, " in answer.text


def test_a_very_long_command_line_is_cut(holder, why):
    held = holder(listening("127.0.0.1"), argv=["x" * 100_000])
    answer = why(held.port)
    assert answer.process(held.pid)["command"].endswith("xxx")
    assert len(answer.text) < 1024
    assert "xxx..." in answer.text


@needs_root
def test_another_network_namespace_is_another_world(holder, why):
    held = holder(listening("0.0.0.0"))
    with another_network():
        why(held.port).assert_free()
    why(held.port).assert_held()


@pytest.mark.parametrize(
    "arguments",
    [[], ["0"], ["65536"], ["http"], ["8000/sctp"], ["8000", "8001"], ["--what", "8000"], ["::1:1"]],
    ids=" ".join,
)
def test_a_wrong_command_line_is_told_on_stderr(berth, arguments):
    result = berth("why", *arguments)
    assert result.returncode == USAGE
    assert result.stdout == ""
    assert result.stderr


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ([], "there is no port to look for: write berth why PORT|ADDR"),
        (["-x", "8001"], "there is no option -x: see berth why --help"),
        (["--frob=1"], "there is no option --frob=1: see berth why --help"),
        (["--json=1"], "--json takes no value"),
        (["8001", "8002"], "one port at a time, not 8001 and 8002: write berth why PORT|ADDR"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_command_line_is_told_in_one_sentence(berth, arguments, sentence):
    assert berth("why", *arguments).stderr == f"berth why: {sentence}\n"


def test_output_that_cannot_be_written_is_an_error(programs):
    with open("/dev/full", "w", encoding="ascii") as full:
        result = subprocess.run(
            [programs.berth, "why", str(clients.free_port())], stdout=full, stderr=-1, check=False
        )
    assert result.returncode == FAILED
    assert b"No space left" in result.stderr
