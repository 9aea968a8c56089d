"""UDP: many workers at one port, each flow with its own, whatever happens to the others."""

import collections
import os
import signal
import socket
import struct
import subprocess
import time

import pytest

import apps
import control
import procs
from berthrun import event
from family import Family
from flows import Flow, flows, free_port
from reloads import App

N_WORKERS = 4


@pytest.fixture
def serve(berth_run, programs):
    """Copies of the C server; comes back when all are bound."""

    def start(port, *options, tier, n_workers=N_WORKERS, run_options=(), address="127.0.0.1"):
        command = [programs.datagrams, port, address, *options]
        args = ["-n", n_workers, "--name", "web", *run_options, "--", *command]
        run = berth_run(args, tier=tier)
        run.wait_listening(n_workers)
        return run

    return start


def ports_of(run):
    directory = procs.environ_of(run.pid)["BERTH_RUNTIME_DIR"]
    _, _, document = control.request(f"{directory}/web.sock", "GET", "/v1/ports")
    return document


def slots_of(all_flows):
    return [flow.ask().slot for flow in all_flows]


# --- one port, many workers ----------------------------------------------------------------


def c_server(programs, place, port):
    return [programs.datagrams, port]


def node_server(programs, place, port):
    return [apps.need("node"), apps.copied(apps.SERVERS / "datagrams.js", place), port]


def asyncio_server(programs, place, port):
    return [apps.PYTHON, apps.copied(apps.SERVERS / "datagrams.py", place), port]


def static_go_server(programs, place, port):
    program = place / "datagrams-go"
    subprocess.run(
        [apps.need("go"), "build", "-o", program, apps.SERVERS / "datagrams.go"],
        env={**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off"},
        check=True,
    )
    program.chmod(0o755)
    return [program, port]


@pytest.mark.parametrize("server", [c_server, node_server, asyncio_server, static_go_server])
def test_each_flow_of_an_unmodified_server_has_one_worker(
    berth_run, programs, place, steered, server
):
    port = free_port()
    command = server(programs, place, port)
    run = berth_run(["-n", N_WORKERS, "--", *command], tier=steered)
    run.wait_for("bound ", count=N_WORKERS)
    run.wait_listening(N_WORKERS)
    with flows(port, 40) as all_flows:
        first = slots_of(all_flows)
        assert collections.Counter(first) == {slot: 10 for slot in range(1, N_WORKERS + 1)}
        for _ in range(3):
            assert slots_of(all_flows) == first
    run.stop()


@pytest.mark.parametrize("policy", ["balanced", "random-two", "hash", "sticky", "weighted"])
def test_under_every_policy_a_flow_stays_where_it_was_sent(serve, steered, policy):
    port = free_port()
    weights = ["--weights", "2,1,1,1"] if policy == "weighted" else []
    run = serve(port, tier=steered, run_options=["--policy", policy, *weights])
    with flows(port, 20) as all_flows:
        first = slots_of(all_flows)
        assert slots_of(all_flows) == first
    shares = sorted(collections.Counter(first).values())
    if policy in ("balanced", "weighted"):
        assert shares == {"balanced": [5, 5, 5, 5], "weighted": [4, 4, 4, 8]}[policy]
    elif policy == "sticky":
        assert shares == [20]
    run.stop()


def test_a_dual_stack_port_serves_both_families(serve, steered):
    port = free_port()
    run = serve(port, tier=steered, address="::")
    for host in ("127.0.0.1", "::1"):
        with flows((host, port), 8) as all_flows:
            first = slots_of(all_flows)
            assert set(first) == {1, 2, 3, 4}
            assert slots_of(all_flows) == first
    run.stop()


def test_two_addresses_of_one_number_are_two_ports(berth_run, programs, steered):
    port = free_port()
    script = f"{programs.datagrams} {port} 127.0.0.2 & exec {programs.datagrams} {port} 127.0.0.1"
    run = berth_run(["-n", 2, "--", "/bin/sh", "-c", script], tier=steered)
    run.wait_listening(4)
    with flows(("127.0.0.1", port), 4) as one, flows(("127.0.0.2", port), 4) as two:
        pids = [{flow.ask().pid for flow in each} for each in (one, two)]
    assert len(pids[0]) == len(pids[1]) == 2
    assert not pids[0] & pids[1]
    run.stop()


def test_in_the_shared_tier_one_socket_serves_all(serve, shared):
    port = free_port()
    run = serve(port, tier=shared)
    with flows(port, 40) as all_flows:
        assert len(slots_of(all_flows)) == 40
    run.stop()


def test_the_policy_shared_is_one_socket_for_all(berth_run, programs, steered):
    port = free_port()
    run = berth_run(["-n", 2, "--policy", "shared", "--", programs.datagrams, port])
    run.wait_listening(2)
    sockets = [
        target
        for pid in run.workers().values()
        for target in procs.fds_of(pid).values()
        if target.startswith("socket:")
    ]
    assert len(sockets) == 2 and len(set(sockets)) == 1
    with flows(port, 4) as all_flows:
        assert len(slots_of(all_flows)) == 4
    run.stop()


def test_a_worker_that_asked_epoll_before_it_bound_gets_its_datagrams(serve, steered):
    port = free_port()
    run = serve(port, "epoll", tier=steered)
    with flows(port, 8) as all_flows:
        assert set(slots_of(all_flows)) == {1, 2, 3, 4}
    run.stop()


# --- who may have a port ---------------------------------------------------------------------


def bound(port, host="127.0.0.1", **options):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for option in options:
        sock.setsockopt(socket.SOL_SOCKET, getattr(socket, option), 1)
    sock.bind((host, port))
    return sock


def test_a_port_that_a_stranger_has_is_an_error_that_names_it(berth_run, programs, tier):
    with bound(0) as stranger:
        port = stranger.getsockname()[1]
        run = berth_run(["-n", 1, "--", programs.datagrams, port], tier=tier)
        line, *_ = run.wait_for(event("bind_failed"))
        assert f"port {port}/udp is held by" in line.text, line.text
        assert str(os.getpid()) in line.text or tier.user, line.text
    run.wait_listening(1)
    run.stop()


def test_what_listen_names_is_claimed_before_any_worker(berth_run, programs, tier):
    port = free_port()
    with bound(port):
        run = berth_run(
            ["--listen", f"udp:127.0.0.1:{port}", "--", programs.datagrams, port], tier=tier
        )
        run.ends_with(8)
        assert f"port {port}/udp is held by" in run.output()
        assert not run.matching(event("worker_started"))


@pytest.mark.parametrize("name", ["udp:127.0.0.1:{}", "udp:{}"])
def test_nobody_else_can_have_a_port_of_ours(serve, tier, name):
    port = free_port()
    run = serve(port, tier=tier, run_options=["--listen", name.format(port)])
    for options in ({}, {"SO_REUSEADDR": 1}):
        with pytest.raises(OSError, match="Address already in use"):
            bound(port, **options)
    with flows(port, 4) as all_flows:
        assert len(slots_of(all_flows)) == 4
    assert [p["named"] for p in ports_of(run)["ports"]] == [True]
    run.stop()


def test_a_program_that_could_share_with_a_stranger_still_can(berth_run, programs, steered):
    port = free_port()
    with bound(port, SO_REUSEADDR=1):
        command = [programs.datagrams, port, "127.0.0.1", "reuseaddr"]
        run = berth_run(["-n", 2, "--", *command], tier=steered)
        run.wait_for("bound ", count=2)
        assert not run.matching(event("worker_listening"))
    run.stop()


def test_a_private_port_is_left_alone(berth_run, programs, steered):
    port = free_port()
    run = berth_run(["-n", 2, "--private", port, "--", programs.datagrams, port], tier=steered)
    run.wait_for("bound ")
    run.wait_for("Address already in use")
    run.stop()


def test_what_a_worker_binds_once_it_serves_is_its_own(serve, steered):
    port = free_port(2)
    run = serve(port, "late", tier=steered, n_workers=2)
    ready = time.monotonic()
    procs.wait_until(lambda: time.monotonic() - ready > 1.2, "the workers have started")
    with flows(port, 2) as all_flows:
        assert sorted(slots_of(all_flows)) == [1, 2]
    run.wait_for("bound another")
    run.wait_for("Address already in use")
    run.stop()


def test_a_port_is_given_back_to_the_same_worker_after_it_closed(berth_run, place, steered):
    port = free_port()
    script = place / "rebind.py"
    script.write_text(
        "import socket, sys\n"
        "for turn in range(50):\n"
        "    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:\n"
        "        s.bind(('127.0.0.1', int(sys.argv[1])))\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "s.bind(('127.0.0.1', int(sys.argv[1])))\n"
        "print('bound at last', flush=True)\n"
        "while True:\n"
        "    data, peer = s.recvfrom(100)\n"
        "    s.sendto(b'1 1 1 x', peer)\n"
    )
    run = berth_run(["-n", 2, "--", apps.PYTHON, script, port], tier=steered)
    run.wait_for("bound at last", count=2)
    with flows(port, 10) as all_flows:
        assert len(slots_of(all_flows)) == 10
    run.stop()


# --- workers that end --------------------------------------------------------------------------


def test_a_killed_workers_flows_go_to_others_and_theirs_stay(serve, steered):
    port = free_port()
    run = serve(port, tier=steered)
    with flows(port, 20) as all_flows:
        before = {flow: flow.ask() for flow in all_flows}
        victim = before[all_flows[0]]
        os.kill(victim.pid, signal.SIGKILL)
        procs.wait_until_gone(victim.pid)
        for flow, answer in before.items():
            now = flow.ask_until_answered()
            if answer.pid == victim.pid:
                assert now.pid != victim.pid
            else:
                assert now.pid == answer.pid
    run.stop()


def test_the_flows_of_the_only_worker_go_on_with_the_next(serve, steered):
    port = free_port()
    run = serve(port, tier=steered, n_workers=1)
    with flows(port, 1) as (flow,):
        first = flow.ask()
        os.kill(first.pid, signal.SIGKILL)
        assert flow.ask_until_answered().pid != first.pid
    run.stop()


def test_a_client_is_not_told_that_nobody_serves_while_a_worker_is_away(serve, steered):
    port = free_port()
    run = serve(port, tier=steered, n_workers=1, run_options=["--listen", f"udp:127.0.0.1:{port}"])
    family = Family(run)
    with flows(port, 1) as (flow,):
        pid = flow.ask().pid
        primary = family.stop_primary()
        os.kill(pid, signal.SIGKILL)
        procs.wait_until(lambda: procs.is_gone(pid) or procs.state_of(pid) == "Z", "it ended")
        for _ in range(10):
            flow.send()  # would fail after an ICMP "port unreachable"
        os.kill(primary, signal.SIGCONT)
        flow.ask_until_answered()
    run.stop()


def test_flows_stay_where_they_are_while_the_primary_is_replaced(serve, steered):
    port = free_port()
    run = serve(port, tier=steered)
    family = Family(run)
    with flows(port, 20) as all_flows:
        before = [flow.ask().pid for flow in all_flows]
        for _ in range(3):
            old = family.kill_primary()
            assert [flow.ask().pid for flow in all_flows] == before
            family.primary(other_than=old)
        assert [flow.ask().pid for flow in all_flows] == before
        with flows(port, 8) as new:
            assert set(slots_of(new)) == {1, 2, 3, 4}
    document = ports_of(run)
    assert document["flows"]["present"] == 28
    run.stop()


# --- what waits in the queue of one that dies ------------------------------------------------


def kill_with_a_queue(run, flow, n_datagrams):
    """The only worker has not read these when it is killed. Returns its pid."""
    run.wait_for("bound ")
    since = run.n_lines()
    (pid,) = run.workers().values()
    for i in range(n_datagrams):
        flow.send(str(i))
    os.kill(pid, signal.SIGKILL)
    run.wait_for("bound ", since=since)
    (successor,) = run.wait_workers([1]).values()
    os.kill(successor, signal.SIGUSR1)
    return pid


def test_what_waited_is_lost_with_the_worker(serve, steered):
    port = free_port()
    run = serve(port, "silent", tier=steered, n_workers=1)
    with flows(port, 1) as (flow,):
        kill_with_a_queue(run, flow, 5)
        assert flow.ask_until_answered("late").text == "late"
    run.stop()


def test_with_udp_hold_the_next_worker_finds_it(serve, steered):
    port = free_port()
    run = serve(port, "silent", tier=steered, n_workers=1, run_options=["--udp-hold"])
    with flows(port, 1) as (flow,):
        pid = kill_with_a_queue(run, flow, 5)
        answers = [flow.receive() for _ in range(5)]
        assert [answer.text for answer in answers] == ["0", "1", "2", "3", "4"]
        assert pid not in {answer.pid for answer in answers}
        assert flow.ask("later").text == "later"
    run.stop()


def test_with_udp_hold_the_flows_of_a_slot_stay_with_the_slot(serve, steered):
    port = free_port()
    run = serve(port, tier=steered, run_options=["--udp-hold"])
    with flows(port, 20) as all_flows:
        before = [flow.ask() for flow in all_flows]
        since = run.n_lines()
        os.kill(before[0].pid, signal.SIGKILL)
        procs.wait_until_gone(before[0].pid)
        for flow in all_flows:
            flow.send()
        after = [flow.receive() for flow in all_flows]
        assert [answer.slot for answer in after] == [answer.slot for answer in before]
        run.wait_for("bound ", since=since)
        with flows(port, 8) as new:
            assert set(slots_of(new)) == {1, 2, 3, 4}
    run.stop()


def test_what_is_held_survives_the_primary(serve, steered):
    port = free_port()
    run = serve(port, "silent", tier=steered, n_workers=1, run_options=["--udp-hold"])
    family = Family(run)
    old = family.kill_primary()
    family.primary(other_than=old)
    with flows(port, 1) as (flow,):
        kill_with_a_queue(run, flow, 5)
        assert [flow.receive().text for _ in range(5)] == ["0", "1", "2", "3", "4"]
    run.stop()


def test_with_udp_hold_a_worker_that_polls_first_keeps_its_own_and_is_told(serve, steered):
    port = free_port()
    run = serve(port, "epoll", tier=steered, n_workers=1, run_options=["--udp-hold"])
    with flows(port, 1) as (flow,):
        os.kill(flow.ask().pid, signal.SIGKILL)
        run.wait_for(event("udp_not_held"))
        assert flow.ask_until_answered().slot == 1
    run.stop()


def test_with_udp_hold_a_socket_that_its_worker_closed_is_closed(berth_run, place, steered):
    port = free_port()
    script = place / "closer.py"
    script.write_text(
        "import signal, socket, sys\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "s.bind(('127.0.0.1', int(sys.argv[1])))\n"
        "s.close()\n"
        "print('closed', flush=True)\n"
        "signal.pause()\n"
    )
    run = berth_run(
        ["-n", 1, "--name", "web", "--udp-hold", "--", apps.PYTHON, script, port], tier=steered
    )
    run.wait_for("closed")
    procs.wait_until(lambda: not ports_of(run)["ports"][0]["berths"], "it has no berth")
    run.stop()


# --- QUIC's connection ids ---------------------------------------------------------------------


def ids_of(flow):
    """The names by which a connection id may begin, of the worker that has this flow."""
    answer = flow.ask()
    fields = dict(word.split("=") for word in answer.text.split() if "=" in word)
    run = int(fields["run"].rpartition(".")[2])
    return answer, int(fields["cookie"]).to_bytes(8, "big"), b"be" + run.to_bytes(6, "big")


def short_header(name):
    return b"\x40" + name + b"rest of the id and packet"


def long_header(name):
    return b"\xc0\x00\x00\x00\x01\x14" + name + b"rest of the id and packet"


def test_a_quic_packet_goes_where_its_connection_id_says_from_any_address(serve, steered):
    port = free_port()
    run = serve(port, "ids", tier=steered, run_options=["--quic", port])
    with flows(port, 8) as all_flows:
        for known in all_flows:
            answer, *names = ids_of(known)
            for packet in (make(name) for make in (short_header, long_header) for name in names):
                with flows(port, 3) as moved:
                    assert {flow.ask(packet).pid for flow in moved} == {answer.pid}
                    # and without an id, the flow goes on there
                    assert {flow.ask("x").pid for flow in moved} == {answer.pid}
    run.stop()


def test_without_quic_a_packet_goes_by_its_flow(serve, steered):
    port = free_port()
    run = serve(port, "ids", tier=steered)
    with flows(port, 1) as (known,), flows(port, 4) as others:
        _, name, _ = ids_of(known)
        assert len({flow.ask(short_header(name)).pid for flow in others}) == 4
    run.stop()


def test_an_id_of_one_that_has_ended_leads_to_whoever_has_the_flow(serve, steered):
    port = free_port()
    run = serve(port, "ids", tier=steered, run_options=["--quic", port])
    with flows(port, 1) as (flow,):
        answer, name, _ = ids_of(flow)
        os.kill(answer.pid, signal.SIGKILL)
        procs.wait_until_gone(answer.pid)
        now = flow.ask_until_answered(short_header(name))
        assert now.pid != answer.pid
        assert flow.ask(short_header(name)).pid == now.pid
    run.stop()


# --- reloads -----------------------------------------------------------------------------------


@pytest.fixture
def app(berth_run, programs, place, steered):
    def start(*more, n_workers=2, options=(), quic=False):
        return App(
            berth_run, programs, place, "--watch", "off", "--undo", "off", *more,
            *(["--quic", "{port}"] if quic else []),
            tier=steered, n_workers=n_workers,
            server=lambda place, port: [programs.datagrams, port, "127.0.0.1", *options],
        )  # fmt: skip

    return start


def test_over_a_reload_flows_stay_and_new_ones_go_to_the_new_generation(app):
    a = app("--drain", "60s", "--udp-idle", "60s")
    reload = None
    with flows(a.port, 8) as old:
        before = [flow.ask().pid for flow in old]
        reload = a.start("reload")
        a.wait_said("worker_listening", slot=2, generation=2)
        procs.wait_until(lambda: len(a.in_state("draining")) == 2, "both of the first drain")
        with flows(a.port, 8) as new:
            assert {flow.ask().generation for flow in new} == {2}
        assert [flow.ask().pid for flow in old] == before
    assert reload.poll() is None
    reload.kill()
    reload.communicate()
    a.run.send(signal.SIGTERM)
    a.run.send(signal.SIGTERM)
    a.run.wait()


def test_a_worker_has_drained_when_its_flows_are_idle(app):
    a = app("--drain", "60s", "--udp-idle", "1s")
    with flows(a.port, 8) as all_flows:
        assert {flow.ask().generation for flow in all_flows} == {1}
        a.reload()
        procs.wait_until(lambda: not a.in_state("draining"), "nobody drains", timeout_s=20)
        assert {flow.ask().generation for flow in all_flows} == {2}
    a.run.stop()


def test_flows_that_never_rest_move_at_the_end_of_the_drain_and_lose_nothing(app):
    a = app("--drain", "2s", "--udp-idle", "60s")
    with flows(a.port, 8) as all_flows:
        reload = a.start("reload")
        seen = set()
        while reload.poll() is None or a.in_state("draining"):
            seen |= {flow.ask().generation for flow in all_flows}
        assert reload.communicate() and reload.returncode == 0
        assert seen == {1, 2}
        assert {flow.ask().generation for flow in all_flows} == {2}
    a.run.stop()


def test_over_a_reload_quic_connections_stay_where_their_ids_say(app):
    a = app("--drain", "60s", "--udp-idle", "60s", options=["ids"], quic=True)
    with flows(a.port, 2) as old:
        known = [ids_of(flow) for flow in old]
        reload = a.start("reload")
        procs.wait_until(lambda: len(a.in_state("draining")) == 2, "both of the first drain")
        for answer, *names in known:
            for name in names:
                with flows(a.port, 2) as moved:
                    assert {flow.ask(short_header(name)).pid for flow in moved} == {answer.pid}
    reload.kill()
    reload.communicate()
    a.run.send(signal.SIGTERM)
    a.run.send(signal.SIGTERM)
    a.run.wait()


# --- options of the socket ---------------------------------------------------------------------


def test_a_multicast_group_reaches_every_worker_that_joined(serve, steered):
    port = free_port()
    run = serve(port, "join=239.255.17.1", tier=steered, address="0.0.0.0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(5)
        sender.setsockopt(
            socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1")
        )
        sender.sendto(b"to all", ("239.255.17.1", port))
        answers = {int(sender.recv(100).split()[0]) for _ in range(N_WORKERS)}
    assert answers == {1, 2, 3, 4}
    run.stop()


def test_a_broadcast_reaches_every_worker(serve, steered):
    port = free_port()
    run = serve(port, tier=steered, address="0.0.0.0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(5)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sender.sendto(b"to all", ("127.255.255.255", port))
        answers = {int(sender.recv(100).split()[0]) for _ in range(N_WORKERS)}
    assert answers == {1, 2, 3, 4}
    run.stop()


def test_timestamps_that_a_worker_asked_for_come(serve, steered):
    port = free_port()
    run = serve(port, "stamp", tier=steered, n_workers=2)
    with flows(port, 2) as all_flows:
        assert all("stamped" in flow.ask().text for flow in all_flows)
    run.stop()


UDP_SEGMENT = 103


def test_trains_of_datagrams_come_as_one_where_a_worker_asked_for_that(serve, steered):
    port = free_port()
    run = serve(port, "gro", tier=steered, n_workers=2)
    with flows(port, 1) as (flow,):
        flow.sock.sendmsg(
            [b"y" * 1000], [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("H", 100))]
        )
        assert "gro=100" in flow.receive().text
    run.stop()


# --- what is told ------------------------------------------------------------------------------


def test_the_api_counts_flows_and_datagrams(serve, steered):
    port = free_port()
    run = serve(port, tier=steered, run_options=["--udp-flows", 2048])
    with flows(port, 8) as all_flows:
        for _ in range(3):
            slots_of(all_flows)
    document = ports_of(run)
    (described,) = document["ports"]
    assert described["address"] == f"udp:127.0.0.1:{port}"
    assert [b["flows"] for b in described["berths"]] == [2, 2, 2, 2]
    assert [b["datagrams"] for b in described["berths"]] == [6, 6, 6, 6]
    assert document["flows"] == {"limit": 2048, "present": 8, "made": 8, "evicted": 0}
    run.stop()


def test_the_oldest_flows_make_room_and_are_counted(serve, steered):
    port = free_port()
    run = serve(port, tier=steered, n_workers=2, run_options=["--udp-flows", 1024])
    for _ in range(20):
        with flows(port, 200) as all_flows:
            slots_of(all_flows)
    told = ports_of(run)["flows"]
    assert 2000 < told["made"] <= 4000  # the kernel may give a client the port of an earlier one
    assert told["present"] <= 1024
    assert told["evicted"] == told["made"] - told["present"]
    run.stop()


def test_why_names_the_workers_at_a_udp_port(serve, berth, steered):
    port = free_port()
    run = serve(port, tier=steered)
    text = berth("why", f"{port}/udp").stdout
    assert f"port {port}/udp is held" in text
    assert text.count("a worker of berth app web") == N_WORKERS, text
    run.stop()
