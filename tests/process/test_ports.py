"""Every kind of address that workers may share, and the rules for those they may not."""

import collections
import os
import socket

import pytest

import apps
import clients
from berthrun import event

N_WORKERS = 4


@pytest.fixture
def listen_on(berth_run, place):
    """Workers that listen on the given addresses; the run comes back when all of them do."""

    def start(addresses, *, tier, n_workers=N_WORKERS, options=(), wait=True, cwd=None):
        command = [*apps.listen_on(place), *addresses]
        run = berth_run(["-n", n_workers, *options, "--", *command], tier=tier, cwd=cwd)
        if wait:
            run.wait_for("listening ", count=n_workers * len(addresses))
        return run

    return start


def slots(address, n_requests):
    """How many of @n_requests, one after another, each slot answered."""
    return collections.Counter(
        int(clients.http_get(address).split()[1]) for _ in range(n_requests)
    )


def assert_shared(tier, counts, n_requests):
    """In the steered tier every slot has the same share; in the other, who knows."""
    assert counts.total() == n_requests
    if tier.is_steered:
        share = n_requests // N_WORKERS
        assert counts == {slot: share for slot in range(1, N_WORKERS + 1)}


def test_workers_share_an_ipv4_port(listen_on, tier):
    port = clients.free_port()
    run = listen_on([f"4:127.0.0.1:{port}"], tier=tier)
    assert_shared(tier, slots(port, 40), 40)
    run.stop()


def test_workers_share_a_dual_stack_port_for_clients_of_both_families(listen_on, tier):
    port = clients.free_port()
    run = listen_on([f"6::::{port}"], tier=tier)
    counts = slots(("127.0.0.1", port), 40) + slots(("::1", port), 40)
    assert_shared(tier, counts, 80)
    run.stop()


def test_a_v6only_port_and_an_ipv4_port_of_the_same_number_are_two_ports(listen_on, tier):
    port = clients.free_port()
    run = listen_on([f"4:0.0.0.0:{port}", f"6only::::{port}"], tier=tier)
    assert clients.http_get(("127.0.0.1", port)).split()[2] == b"0"
    assert clients.http_get(("::1", port)).split()[2] == b"1"
    assert_shared(tier, slots(("127.0.0.1", port), 40), 40)
    assert_shared(tier, slots(("::1", port), 40), 40)
    run.stop()


def test_one_asyncio_server_listens_on_both_families_with_two_sockets(berth_run, tier, place):
    port = clients.free_port()
    addresses = [f"127.0.0.1:{port}", f"[::]:{port}"]
    run = berth_run(["-n", N_WORKERS, "--", *apps.asyncio_hello(place), *addresses], tier=tier)
    run.wait_for("listens on port", count=N_WORKERS * 2)
    for host in ("127.0.0.1", "::1"):
        counts = clients.tally((host, port), 40)
        assert counts.total() == 40
        if tier.is_steered:
            assert sorted(counts.values()) == [10] * N_WORKERS
    run.stop()


def test_workers_share_several_ports_each_with_a_balance_of_its_own(listen_on, tier):
    ports = [clients.free_port() for _ in range(5)]
    run = listen_on([f"4:0.0.0.0:{port}" for port in ports], tier=tier)
    for index, port in enumerate(ports):
        assert clients.http_get(port).split()[2] == b"%d" % index
        assert_shared(tier, slots(port, 20), 20)
    run.stop()


def test_workers_share_a_unix_socket_by_its_path(listen_on, tier, place):
    path = str(place / "socket")
    run = listen_on([f"unix:{path}"], tier=tier)
    assert slots(path, 40).total() == 40
    run.stop()


def test_workers_share_a_unix_socket_by_a_relative_path(listen_on, tier, place):
    run = listen_on(["unix:relative"], tier=tier, cwd=place)
    assert slots(str(place / "relative"), 40).total() == 40
    run.stop()


def test_workers_share_an_abstract_unix_socket(listen_on, tier, place):
    name = f"berth-test-{os.getpid()}-{place.name}"
    run = listen_on([f"abstract:{name}"], tier=tier)
    assert slots("\0" + name, 40).total() == 40
    run.stop()


def test_port_0_gives_every_worker_a_real_port_of_its_own(listen_on, tier):
    run = listen_on(["4:127.0.0.1:0"], tier=tier, wait=False)
    lines = run.wait_for("listening 4:127.0.0.1:0", count=N_WORKERS)
    ports = {int(line.text.split("('127.0.0.1', ")[1].split(")")[0]) for line in lines}
    assert len(ports) == N_WORKERS and 0 not in ports
    assert len({clients.get_number(port) for port in ports}) == N_WORKERS
    run.stop()


def test_a_private_port_is_left_to_the_worker_that_gets_it_first(listen_on, tier):
    port = clients.free_port()
    run = listen_on(
        [f"4:127.0.0.1:{port}"],
        tier=tier, n_workers=2, options=["--private", port], wait=False,
    )
    run.wait_for(f"listening 4:127.0.0.1:{port}")
    run.wait_for(f"bind 4:127.0.0.1:{port}: EADDRINUSE")
    assert len(slots(port, 10)) == 1
    run.stop()


def test_a_unique_port_becomes_another_number_in_every_slot(listen_on, tier):
    port = clients.free_port(n_consecutive=N_WORKERS + 1)
    run = listen_on(
        [f"4:127.0.0.1:{port}"], tier=tier, options=["--unique", port], wait=False
    )
    run.wait_for(f"listening 4:127.0.0.1:{port}", count=N_WORKERS)
    for slot in range(1, N_WORKERS + 1):
        assert slots(port + slot, 5) == {slot: 5}
    with pytest.raises(ConnectionRefusedError):
        clients.connect(port)
    run.stop()


def make_gate(path):
    """A FIFO: who opens it for reading waits until somebody opens it for writing."""
    os.mkfifo(path)
    path.chmod(0o666)
    return path


LISTEN_FORMS = {
    "ipv4": ("127.0.0.1:{port}", "4:127.0.0.1:{port}", "{port}"),
    "ipv6": ("[::]:{port}", "6::::{port}", "{port}"),
    "unix": ("unix:{place}/socket", "unix:{place}/socket", "{place}/socket"),
}


@pytest.mark.parametrize("form", LISTEN_FORMS)
def test_a_listen_address_is_claimed_and_connectable_before_any_worker_listens(
    listen_on, tier, place, form
):
    names = {"port": clients.free_port(), "place": place}
    claim, bind, target = (text.format(**names) for text in LISTEN_FORMS[form])
    target = int(target) if target.isdigit() else target
    gate = make_gate(place / "go")
    run = listen_on(
        ["--wait", gate, bind], tier=tier, n_workers=1, options=["--listen", claim], wait=False
    )
    run.wait_for(event("worker_started"))
    queued = clients.start_get(target)
    gate.write_bytes(b"")
    assert clients.finish_get(queued).split()[1] == b"1"
    assert slots(target, 5) == {1: 5}
    run.stop()


@pytest.mark.parametrize("bind", ["4:0.0.0.0", "4:127.0.0.1", "6:::", "6only:::"])
def test_a_listen_number_is_claimed_on_every_address_until_a_worker_says_which_it_means(
    listen_on, tier, place, bind
):
    port = clients.free_port()
    gates = [make_gate(place / f"go-{slot}") for slot in (1, 2)]
    run = listen_on(
        ["--wait", place / "go-{slot}", f"{bind}:{port}"],
        tier=tier, n_workers=2, options=["--listen", port], wait=False,
    )
    run.wait_for(event("worker_started"), count=2)
    for host in ("0.0.0.0", "127.0.0.1", "127.0.0.9", "::", "::1"):
        with pytest.raises(OSError, match="Address already in use"):
            bind_plainly(host, port)
    for gate in gates:
        gate.write_bytes(b"")
    run.wait_for("listening ", count=2)
    assert slots(("::1" if bind.startswith("6") else "127.0.0.1", port), 20).total() == 20
    run.stop()


def bind_plainly(host, port):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.bind((host, port))


def test_a_worker_that_does_not_ask_to_share_has_an_address_only_once(listen_on, tier):
    port = clients.free_port()
    address = f"4:127.0.0.1:{port}"
    run = listen_on([address, address], tier=tier, n_workers=2, wait=False)
    run.wait_for(f"listening {address}", count=2)
    run.wait_for(f"bind {address}: EADDRINUSE", count=2)
    assert slots(port, 10).total() == 10
    run.stop()


def test_several_listen_addresses_are_claimed_before_the_first_worker_starts(
    berth_run, tier, place
):
    ports = [clients.free_port() for _ in range(3)]
    options = [word for port in ports for word in ("--listen", f"127.0.0.1:{port}")]
    run = berth_run(["-n", 1, *options, "--", "sleep", "1000"], tier=tier)
    run.wait_for(event("worker_started"))
    for port in ports:
        clients.connect(port).close()
    run.stop()
