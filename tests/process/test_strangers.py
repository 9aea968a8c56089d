"""Others at the port: who holds it is said at once, and who squeezes in gets nothing."""

import re
import socket
import time
from pathlib import Path

import pytest

import apps
import clients

STRANGER = """
import socket, sys
host, port, with_reuseport = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "reuseport"
sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if with_reuseport:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
try:
    sock.bind((host, port))
    sock.listen()
    print("bound", flush=True)
except OSError as error:
    print(error.strerror, flush=True)
while True:
    client, _ = sock.accept()
    while b"\\r\\n\\r\\n" not in client.recv(4096):
        pass
    client.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n0 stranger")
    client.close()
"""


@pytest.fixture
def stranger(spawn):
    """Starts a process that binds a port without berth; returns it and what it said."""

    def start(port, host="0.0.0.0", how="plain", user=None):
        as_user = {"user": user, "group": "nogroup", "extra_groups": []} if user else {}
        process = spawn(
            [apps.PYTHON, "-c", STRANGER, host, port, how], stdout=-1, stderr=-3, **as_user
        )
        return process, process.stdout.readline().decode().strip()

    return start


def comm_of(pid):
    return Path(f"/proc/{pid}/comm").read_text().strip()


def held_by(port, pid, user, on):
    who = re.escape(f"{comm_of(pid)} (pid {pid}, user {user}")
    return re.compile(rf"port {port}/tcp is held by {who}[^)]*\) on {re.escape(on)}")


def test_a_stranger_of_the_same_user_with_reuseport_gets_no_connection_and_is_named(
    berth_run, berth, programs, stranger, tier
):
    port = clients.free_port()
    run = berth_run(["-n", 2, "--", programs.hello, port], tier=tier)
    run.wait_listening(2)
    process, said = stranger(port, how="reuseport", user=tier.user)
    counts = clients.tally(port, 100)
    assert set(counts) <= set(run.workers().values())
    if tier.is_steered:
        assert said == "bound"
        assert sorted(counts.values()) == [50, 50]
        answer = berth("why", str(port))
        assert re.search(rf"\b{process.pid}\b", answer.stdout), answer
    else:
        assert said != "bound"
    run.stop()


def said_of(slot, pattern):
    """A condition: berth says, of this worker, what the pattern tells."""
    whole = re.compile(rf"^berth: web\.{slot} .*{pattern}")
    return lambda line: whole.search(line.text)


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "::"])
@pytest.mark.parametrize("how", ["plain", "reuseport"])
def test_a_held_port_is_exit_code_8_and_one_sentence_before_any_worker_starts(
    berth_run, stranger, place, tier, host, how
):
    port = clients.free_port()
    process, said = stranger(port, host=host, how=how, user=tier.user)
    assert said == "bound"
    on = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    sentence = held_by(port, process.pid, tier.user or "root", on)
    run = berth_run(
        ["--listen", port, "--", "touch", place / "a-worker-was-here"],
        tier=tier, json_lines=False,
    )
    run.ends_with(8)
    assert sentence.search(run.output()), run.output()
    assert not (place / "a-worker-was-here").exists()


def test_a_held_port_is_reported_within_100_ms(berth, stranger, tier):
    port = clients.free_port()
    stranger(port)
    took_ms = []
    for _ in range(7):
        began = time.monotonic()
        done = berth("run", "--listen", port, "--", "sleep", "1000", user=tier.user)
        took_ms.append((time.monotonic() - began) * 1000)
        assert done.returncode == 8
    assert min(took_ms) < 100, took_ms  # what else the machine does only ever adds


def test_a_port_of_another_user_is_held_by_that_user_even_when_the_process_is_hidden(
    berth_run, stranger, shared
):
    port = clients.free_port()
    stranger(port, user="www-data")
    run = berth_run(["--listen", port, "--", "sleep", "1000"], tier=shared, json_lines=False)
    run.ends_with(8)
    sentence = rf"port {port}/tcp is held by .*user www-data.* on 0.0.0.0:{port}"
    assert re.search(sentence, run.output()), run.output()


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "::"])
def test_a_worker_that_binds_a_held_port_gets_eaddrinuse_and_the_sentence_in_its_log(
    berth_run, stranger, place, tier, host
):
    port = clients.free_port()
    process, said = stranger(port, host=host, user=tier.user)
    assert said == "bound"
    on = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    run = berth_run(
        ["-n", 2, "--name", "web", "--",
         *apps.listen_on(place), f"4:0.0.0.0:{port}"],
        tier=tier, json_lines=False,
    )
    sentence = held_by(port, process.pid, tier.user or "root", on)
    for slot in (1, 2):
        run.wait_for(f"web.{slot} | bind 4:0.0.0.0:{port}: EADDRINUSE")
        run.wait_for(said_of(slot, sentence.pattern))
    run.stop()


def test_a_port_that_was_freed_a_moment_ago_can_be_claimed(berth_run, stranger, programs, tier):
    for _ in range(10):
        port = clients.free_port()
        process, said = stranger(port)
        assert said == "bound"
        clients.http_get(port)
        process.kill()
        process.wait()
        run = berth_run(["-n", 1, "--listen", port, "--", programs.hello, port], tier=tier)
        run.wait_listening(1)
        assert clients.get_number(port) == run.workers()[1]
        run.stop()


def test_two_berths_cannot_have_the_same_port_and_the_second_is_told_of_the_first(
    berth_run, programs, tier
):
    port = clients.free_port()
    first = berth_run(["-n", 2, "--", programs.hello, port], tier=tier)
    first.wait_listening(2)
    second = berth_run(["--listen", port, "--", "sleep", "1000"], tier=tier, json_lines=False)
    second.ends_with(8)
    held = re.search(rf"port {port}/tcp is held by berth-keeper \(pid (\d+),", second.output())
    assert held and int(held.group(1)) in (first.pid, *first.workers().values()), second.output()
    assert set(clients.tally(port, 20)) <= set(first.workers().values())
    first.stop()


def unprivileged_port_start():
    return int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())


def test_a_privileged_port_without_the_right_says_what_to_do(berth_run, shared, place):
    if unprivileged_port_start() < 2:
        pytest.skip("no port is privileged here")
    run = berth_run(["--listen", "1", "--", "sleep", "1000"], tier=shared, json_lines=False)
    run.ends_with(4)
    advice = "port 1/tcp .*cap_net_bind_service"
    assert re.search(advice, run.output()), run.output()
    run = berth_run(
        ["-n", 1, "--name", "web", "--", *apps.listen_on(place), "4:127.0.0.1:1"],
        tier=shared, json_lines=False,
    )
    run.wait_for("web.1 | bind 4:127.0.0.1:1: EACCES")
    run.wait_for(said_of(1, advice))
    run.stop()


def test_a_worker_of_root_may_bind_a_privileged_port(berth_run, steered, place):
    port = next(p for p in range(1023, 1, -1) if is_free(p))
    run = berth_run(["-n", 2, "--", *apps.listen_on(place), f"4:127.0.0.1:{port}"], tier=steered)
    run.wait_listening(2)
    assert len(clients.tally(port, 10)) == 2
    run.stop()


def is_free(port):
    with socket.socket() as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def test_an_address_that_is_not_on_this_host_says_so(berth_run, place, tier):
    port = clients.free_port()
    run = berth_run(["--listen", f"203.0.113.7:{port}", "--", "sleep", "1000"],
                    tier=tier, json_lines=False)
    run.ends_with(1)
    advice = rf"203\.0\.113\.7:{port} .*this host has no such address"
    assert re.search(advice, run.output()), run.output()
    run = berth_run(
        ["-n", 1, "--name", "web", "--", *apps.listen_on(place), f"4:203.0.113.7:{port}"],
        tier=tier, json_lines=False,
    )
    run.wait_for(f"web.1 | bind 4:203.0.113.7:{port}: EADDRNOTAVAIL")
    run.wait_for(said_of(1, advice))
    run.stop()
