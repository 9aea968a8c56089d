"""What berth does with some of its rights only, and where a table is full."""

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

import apps
import clients
import flows
import procs
import pytest
from berthrun import event
from conftest import BERTH_PROGRAMS
from family import Family

CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_PERFMON, CAP_BPF = 10, 12, 38, 39

# As the kernel keeps the capabilities of a file: revision 2, effective.
FILE_CAPS_REVISION_2, FILE_CAPS_EFFECTIVE = 0x02000000, 1

MANY_PORTS = """
import socket
for _ in range(300):
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))
    address = probe.getsockname()
    probe.close()
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(address)
    {listen}
    server.close()
print("bound 300 ports", flush=True)
socket.socketpair()[0].recv(1)
"""

POLLS_EARLY = """
import select, socket, sys
server = socket.socket()
early = select.epoll()
early.register(server.fileno(), select.EPOLLIN)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen()
print("listening", flush=True)
socket.socketpair()[0].recv(1)
"""


def give_rights(path, capabilities):
    permitted = sum(1 << capability for capability in capabilities)
    low, high = permitted & 0xFFFFFFFF, permitted >> 32
    value = struct.pack("<5I", FILE_CAPS_REVISION_2 | FILE_CAPS_EFFECTIVE, low, 0, high, 0)
    try:
        os.setxattr(path, "security.capability", value)
    except OSError as error:
        pytest.skip(f"files here cannot have capabilities: {error.strerror}")


def low_port():
    """A port below 1024 that nobody has."""
    limit = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    for port in range(limit - 1, 0, -1):
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("0.0.0.0", port))
            return port
    pytest.skip("there are no privileged ports here, or none is free")


def script(place, name, text):
    path = place / name
    path.write_text(text)
    return [sys.executable, path]


@pytest.mark.parametrize(
    ("rights", "said"),
    [
        ([CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON], "accept queues seen"),
        ([CAP_BPF, CAP_NET_ADMIN], "accept queues not seen"),
    ],
    ids=["all", "without_perfmon"],
)
def test_a_file_with_capabilities_steers_for_an_ordinary_user(
    berth_run, programs, place, steered, rights, said
):
    for name in BERTH_PROGRAMS:
        shutil.copy(Path(programs.berth).with_name(name), place / name)
    give_rights(place / "berthd", rights)
    port = clients.free_port()
    run = berth_run(["-n", 3, "--", programs.hello, port], user="nobody", program=place / "berth")
    run.wait_for(said)
    run.wait_listening(3)
    assert sorted(clients.tally(port, 30).values()) == [10, 10, 10]
    run.stop()


@pytest.mark.parametrize(
    "rights",
    [[CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON], [CAP_BPF, CAP_NET_ADMIN]],
    ids=["all", "without_perfmon"],
)
def test_so_it_does_with_datagrams(berth_run, programs, place, steered, rights):
    for name in BERTH_PROGRAMS:
        shutil.copy(Path(programs.berth).with_name(name), place / name)
    give_rights(place / "berthd", rights)
    port = flows.free_port()
    command = [programs.datagrams, port]
    run = berth_run(["-n", 2, "--", *command], user="nobody", program=place / "berth")
    run.wait_listening(2)
    with flows.flows(port, 10) as each:
        before = [flow.ask() for flow in each]
        assert sorted(answer.slot for answer in before) == [1] * 5 + [2] * 5
        assert [flow.ask().pid for flow in each] == [answer.pid for answer in before]
        procs.kill_quietly(before[0].pid)
        procs.wait_until_gone(before[0].pid)
        assert each[0].ask_until_answered().pid != before[0].pid
    run.stop()


def test_the_file_that_lacks_the_rights_is_named(berth_run, programs):
    run = berth_run(["-n", 1, "--mode", "steered", "--", "true"], user="nobody")
    run.ends_with(4)
    assert f"give {Path(programs.berth).with_name('berthd')} its rights with setcap" in run.output()


def test_why_names_the_file_that_may_not_bind_a_low_port_and_tells_when_it_may(
    berth, berth_run, programs, place
):
    for name in BERTH_PROGRAMS:
        shutil.copy(Path(programs.berth).with_name(name), place / name)
    port = low_port()
    why = [place / "berth", "why", str(port)]
    told = subprocess.run(why, user="nobody", capture_output=True, text=True, check=False)
    assert told.returncode == 4, told
    assert f"give {place}/berthd the right (setcap with cap_net_bind_service" in told.stdout
    run = berth_run(["-n", 1, "--listen", f"127.0.0.1:{port}", "--", "true"], user="nobody")
    run.ends_with(4)
    assert f"give {Path(programs.berth).with_name('berthd')} the right" in run.output()
    give_rights(place / "berthd", [CAP_NET_BIND_SERVICE])
    told = subprocess.run(why, user="nobody", capture_output=True, text=True, check=False)
    assert told.returncode == 4, told
    assert f"but `berth run` may: setcap gave the right to {place}/berthd" in told.stdout
    assert "run berth as root" not in told.stdout


@pytest.mark.parametrize("listen", ["server.listen()", "pass"], ids=["listening", "bound_only"])
def test_a_program_may_bind_one_port_after_the_other(berth_run, place, tier, listen):
    run = berth_run(
        ["-n", 1, "--", *script(place, "many.py", MANY_PORTS.format(listen=listen))], tier=tier
    )
    run.wait_for("bound 300 ports")
    run.stop()


def test_a_worker_that_names_another_address_than_listen_is_told_so(berth_run, place, tier):
    port = clients.free_port()
    run = berth_run(
        ["-n", 1, "--listen", f"127.0.0.1:{port}", "--", *apps.listen_on(place),
         f"4:0.0.0.0:{port}"],
        tier=tier,
    )
    run.wait_for(f"port {port}/tcp is this berth's own on 127.0.0.1:{port} (from --listen)")
    run.stop()


def test_a_program_that_polls_before_it_listens_is_warned_of_in_the_shared_tier(
    berth_run, place, shared
):
    port = clients.free_port()
    run = berth_run(["-n", 2, "--", *script(place, "early.py", POLLS_EARLY), port], tier=shared)
    run.wait_for("listening", count=2)
    run.wait_for("asked epoll about its socket before it listened")
    run.stop()


def test_the_primary_holds_no_more_descriptors_after_a_thousand_listens(
    berth_run, programs, steered
):
    port = clients.free_port()
    relisten = [programs.relisten, "--times", 500, port, "127.0.0.1"]
    run = berth_run(["-n", 2, "--listen", port, "--", *relisten], tier=steered)
    run.wait_for("relistened 500 times, 0 errors", count=2)
    procs.wait_until(
        lambda: sum("socket:" in target for target in procs.fds_of(run.pid).values()) <= 16,
        "the copies of closed sockets to be closed",
    )
    run.stop()


HOLDS_MANY = """
import socket
held = []
for _ in range(260):
    server = socket.socket()
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))
    address = probe.getsockname()
    probe.close()
    try:
        server.bind(address)
        server.listen()
    except OSError as error:
        print("refused", error.errno, server.getsockname()[1], flush=True)
        break
    held.append(server)
socket.socketpair()[0].recv(1)
"""

MPTCP_DATAGRAMS = """
import errno, socket
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 262)
except OSError as error:
    print("refused", errno.errorcode[error.errno], flush=True)
socket.socketpair()[0].recv(1)
"""


def test_a_bind_that_finds_the_table_full_fails_and_leaves_the_socket_unbound(
    berth_run, place, tier
):
    run = berth_run(["-n", 1, "--", *script(place, "hold.py", HOLDS_MANY)], tier=tier)
    run.wait_for("refused 105 0")  # ENOBUFS
    run.wait_for("berth has no room for one more")
    run.stop()


def test_datagrams_over_mptcp_are_refused_as_the_kernel_does(berth_run, place, tier):
    run = berth_run(["-n", 1, "--", *script(place, "mptcp.py", MPTCP_DATAGRAMS)], tier=tier)
    run.wait_for("refused EPROTONOSUPPORT")
    run.stop()


def test_a_stranger_at_another_address_of_our_port_number_is_named(
    berth_run, place, spawn, tier
):
    port = clients.free_port()
    stranger = spawn(
        [sys.executable, "-c",
         f"import socket; s = socket.create_server(('127.0.0.1', {port})); "
         "print('ready', flush=True); s.accept()"],
        stdout=subprocess.PIPE,
    )
    assert stranger.stdout.readline() == b"ready\n"
    run = berth_run(
        ["-n", 1, "--listen", f"127.0.0.2:{port}", "--", *apps.listen_on(place),
         f"4:127.0.0.1:{port}"],
        tier=tier,
    )
    run.wait_for(f"port {port}/tcp is held by ")
    assert not run.matching("this berth's own"), run.output()
    run.stop()


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_berth_runs_with_standard_descriptors_closed(programs, closed, steered):
    port = clients.free_port()
    shell = subprocess.Popen(
        ["sh", "-c", f"exec {programs.berth} run -n 1 --listen 127.0.0.1:{port} -- "
         f"{programs.hello} {port} 127.0.0.1 {closed}"]
    )
    procs.OURS.add(shell.pid)
    try:
        procs.wait_until(lambda: not is_refused(port), "the port to be claimed")
        assert clients.get_number(port)
    finally:
        shell.terminate()
        assert shell.wait(10) == 0


def is_refused(port):
    try:
        clients.connect(port).close()
    except ConnectionRefusedError:
        return True
    return False


BLOCKING = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
while True:
    connection, _ = server.accept()
    connection.recv(1000)
    connection.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n1\\n")
    connection.close()
"""

BLOCKS_SIGCHLD = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
os.execv(sys.argv[1], sys.argv[1:])
"""

MAKES_ITS_DIRECTORY = """
import os, shutil, socket, sys
directory = sys.argv[1]
shutil.rmtree(directory, ignore_errors=True)
os.mkdir(directory)
server = socket.socket(socket.AF_UNIX)
server.bind(directory + "/socket")
server.listen()
print("listening", flush=True)
server.accept()
"""

BINDS_IN_A_THREAD = """
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static int port;
static void *serve(void *unused)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	usleep(100000); /* until the first thread has gone */
	printf("bind %d\\n", bind(fd, (struct sockaddr *)&a, sizeof(a)));
	printf("listen %d\\n", listen(fd, 5));
	fflush(stdout);
	for (;;)
		pause();
	return unused;
}
int main(int n, char **arguments)
{
	pthread_t thread;
	port = n > 1 ? atoi(arguments[1]) : 0;
	pthread_create(&thread, NULL, serve, NULL);
	pthread_exit(NULL);
}
"""


def test_a_port_with_one_ipv6_address_is_served_by_all(berth_run, place, tier):
    port = clients.free_port(family=socket.AF_INET6)
    run = berth_run(
        ["-n", 2, "--listen", f"[::1]:{port}", "--", *apps.listen_on(place), f"6:::1:{port}"],
        tier=tier,
    )
    run.wait_listening(2)
    answers = {clients.get_number(("::1", port)) for _ in range(10)}
    assert answers <= set(run.workers().values())
    assert len(answers) == 2 or not tier.is_steered
    run.stop()


def test_a_blocking_server_alone_goes_on_blocking(berth_run, place, tier):
    port = clients.free_port()
    run = berth_run(["-n", 1, "--", *script(place, "block.py", BLOCKING), port], tier=tier)
    run.wait_listening(1)
    for _ in range(5):
        assert clients.get_number(port) == 1
    assert not run.matching("worker_exited"), run.output()
    run.stop()


def test_a_berth_that_is_started_with_sigchld_blocked_replaces_its_workers(
    berth_run, programs, place, tier
):
    wrapper = script(place, "block_sigchld.py", BLOCKS_SIGCHLD)
    run = berth_run(["-n", 1, "--", "sh", "-c", "exit 3"], tier=tier, wrapper=wrapper)
    run.wait_for("ended with exit code 3", count=2)
    run.stop()


def test_a_program_that_makes_the_directory_of_its_socket_anew_finds_it_free(
    berth_run, place, tier
):
    directory = place / "run"
    run = berth_run(
        ["-n", 1, "--", *script(place, "own_dir.py", MAKES_ITS_DIRECTORY), directory], tier=tier
    )
    for n in (1, 2, 3):
        run.wait_for("listening", count=n)
        procs.kill_quietly(run.wait_workers([1])[1])
    run.wait_for("listening", count=4)
    clients.connect(str(directory / "socket")).close()
    run.stop()


def test_a_thread_that_outlives_the_first_of_its_process_shares_the_port(
    berth_run, place, tier
):
    program = place / "thread"
    (place / "thread.c").write_text(BINDS_IN_A_THREAD)
    subprocess.run(["cc", "-pthread", "-o", program, place / "thread.c"], check=True)
    port = clients.free_port()
    run = berth_run(["-n", 3, "--", program, port], tier=tier)
    run.wait_for("bind 0", count=3)
    run.wait_for("listen 0", count=3)
    run.stop()


def test_a_port_that_listen_claims_and_no_worker_takes_is_named(berth_run, place, tier):
    claimed, served = clients.free_port(), clients.free_port()
    run = berth_run(
        ["-n", 2, "--listen", claimed, "--", *apps.listen_on(place), f"4:127.0.0.1:{served}"],
        tier=tier,
    )
    run.wait_for(f"no worker listens on *:{claimed}, which --listen claims")
    run.stop()


DIES_BETWEEN_BIND_AND_LISTEN = """
import os, socket, sys
address, has_died = ("127.0.0.1", int(sys.argv[1])), sys.argv[2]
server = socket.socket()
try:
    server.bind(address)
except OSError as error:
    print("bind failed", error.errno, flush=True)
    sys.exit(1)
if not os.path.exists(has_died):
    open(has_died, "w").close()
    os._exit(1)
server.listen()
print("listening", flush=True)
server.accept()
"""


def test_a_worker_that_dies_between_bind_and_listen_leaves_the_claimed_port_free(
    berth_run, place, tier
):
    port = clients.free_port()
    program = script(place, "dies.py", DIES_BETWEEN_BIND_AND_LISTEN)
    run = berth_run(
        ["-n", 1, "--listen", port, "--", *program, port, place / "has_died"], tier=tier
    )
    run.wait_for("listening")
    assert not run.matching("bind failed"), run.output()
    run.stop()


def limited_to(n_files):
    return ["prlimit", f"--nofile={n_files}:{n_files}"]


def test_with_few_descriptors_no_worker_begins_that_would_be_lost_with_the_primary(
    berth_run, programs, tier
):
    port = clients.free_port()
    run = berth_run(
        ["-n", 8, "--listen", port, "--", programs.hello, port], tier=tier, wrapper=limited_to(64)
    )
    run.wait_for(".8 could not be started: Too many open files")
    n = len(run.matching("worker_started"))
    assert 3 <= n < 8
    run.wait_listening(n)
    family = Family(run)
    before = family.wait_whole(n)
    held = family.fds()
    for _ in range(3):
        primary = family.kill_primary()
        family.primary(other_than=primary)
        run.wait_for("could not be started", since=run.n_lines())
        assert family.wait_whole(n) == before
        assert clients.get_number(port) in before.values()
        family.wait_fds(held)
    os.kill(before[1], 9)
    run.wait_listening(n + 1)  # of any slot
    assert not run.matching(event("keeper_refused")), run.output()
    family.end()


def test_with_few_descriptors_berth_goes_on_with_another_keeper(berth_run, programs, tier):
    port = clients.free_port()
    run = berth_run(
        ["-n", 8, "--listen", port, "--", programs.hello, port], tier=tier, wrapper=limited_to(64)
    )
    run.wait_for(".8 could not be started: Too many open files")
    n = len(run.matching("worker_started"))
    run.wait_listening(n)
    family = Family(run)
    before = family.wait_whole(n)
    family.kill_keeper()
    family.kill_primary()
    assert family.wait_whole(n) == before
    assert clients.get_number(port) in before.values()
    assert not run.matching(event("keeper_refused")), run.output()
    family.end()


ALL_PORTS = """
import socket, sys, time
kept = []
for port in map(int, sys.argv[1:]):
    kept.append(socket.socket())
    try:
        kept[-1].bind(("127.0.0.1", port))
        kept[-1].listen()
    except OSError as error:
        print("bind failed:", error.errno, flush=True)
        time.sleep(600)
"""


def test_more_ports_than_berth_has_descriptors_for_are_told_with_the_limit(
    berth_run, place, steered
):
    ports = [clients.free_port() for _ in range(60)]
    program = script(place, "many.py", ALL_PORTS)
    run = berth_run(["-n", 1, "--", *program, *ports], tier=steered, wrapper=limited_to(100))
    run.wait_for("bind failed: 24")
    text = run.wait_for(event("bind_failed"))[0].fields["message"]
    assert "berth may have 100 files open (ulimit -Hn)" in text
    run.stop()


def test_too_few_descriptors_for_berth_itself_are_a_clear_error(berth_run, programs, tier):
    run = berth_run(
        ["-n", 1, "--", programs.hello, clients.free_port()], tier=tier, wrapper=limited_to(40)
    )
    run.wait_for("only 40 files may be open at a time")
    run.ends_with(1)
