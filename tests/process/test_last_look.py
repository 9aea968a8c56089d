"""The last look at a worker that leaves: what it has just accepted is never lost."""

import contextlib
import signal
import socket
import time
from pathlib import Path

import apps
import clients
import procs
import pytest
import reloads
from berthrun import event
from reloads import App

SERVERS = Path(__file__).resolve().parents[1] / "servers"
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def lone(*way):
    def command(place, port):
        return [apps.PYTHON, apps.copied(SERVERS / "lone.py", place), *way, port]

    return command


def at_a_unix_socket(place, port):
    return [*apps.listen_on(place), f"4:127.0.0.1:{port}", f"unix:{place}/socket"]


@contextlib.contextmanager
def held(app, path=None):
    """A client that has connected, and asks when it leaves."""
    with socket.socket(socket.AF_UNIX) if path else clients.connect(app.port) as client:
        client.settimeout(clients.DEADLINE_S)
        if path:
            client.connect(str(path))
        yield
        client.sendall(REQUEST)
        assert client.recv(65536).startswith(b"HTTP/1.1 200")


def wait_leaving(app, **wanted):
    def now():
        leaving = [slot for slot in app.slots() if slot["role"] == "leaving"]
        return [s for s in leaving if all(s.get(key) == wanted[key] for key in wanted)]

    return procs.wait_until(now, lambda: f"{wanted} of one that leaves: {app.slots()}")


def test_clients_at_a_unix_socket_are_waited_for_and_nobody_is_frozen_there(
    berth_run, programs, place, tier
):
    options = ("--drain", "20s", "--watch", "0s", "--undo", "60s")
    app = App(
        berth_run, programs, place, *options, tier=tier, n_workers=1, server=at_a_unix_socket
    )
    app.run.wait_listening(2)  # at both addresses
    with held(app, place / "socket"):
        reload = app.start("reload")
        wait_leaving(app, connections=1, state="draining")
    assert reloads.ended(reload)[0] == reloads.DONE
    assert not app.in_state("frozen")
    app.run.stop()


@pytest.mark.slow
def test_no_client_is_lost_where_queues_are_full_and_workers_leave(
    berth_run, programs, place, steered, start_load
):
    options = ("--drain", "10s", "--watch", "0s", "--undo", "off")
    app = App(berth_run, programs, place, *options, tier=steered, n_workers=3, server=lone())
    load = start_load("--closed", 25, "--timeout-ms", 15000, "--seconds", 100, app.port)
    load.wait_begun()
    for n in (4, 2) * 8:
        assert app.berth("scale", n)[0] == reloads.DONE
        app.wait_only_members()
    figures = load.stop()
    assert figures["ok"] > 0 and not sum(clients.failures_of(figures).values()), figures
    app.run.stop()


@pytest.mark.slow
def test_no_client_is_lost_in_reloads_of_the_shared_tier(
    berth_run, programs, place, shared, start_load
):
    app = App(berth_run, programs, place, tier=shared, n_workers=3)
    load = start_load("--closed", 4, "--seconds", 100, app.port)
    load.wait_begun()
    for _ in range(12):
        app.reload()
    figures = load.stop()
    assert figures["ok"] > 0 and not sum(clients.failures_of(figures).values()), figures
    app.run.stop()


def test_forty_workers_without_clients_leave_at_once(berth_run, programs, place, tier):
    options = ("--drain", "60s", "--watch", "0s", "--undo", "off")
    app = App(berth_run, programs, place, *options, tier=tier, n_workers=40)
    began = time.monotonic()
    assert app.berth("scale", 1)[0] == reloads.DONE
    app.wait_only_members()
    assert time.monotonic() - began < 5
    app.run.stop()


def test_the_client_of_the_last_of_very_many_processes_is_seen(berth_run, programs, place, steered):
    options = ("--drain", "20s", "--watch", "0s", "--undo", "off")
    app = App(
        berth_run, programs, place, *options, tier=steered, n_workers=1, server=lone("prefork")
    )
    with held(app):
        reload = app.start("reload")
        wait_leaving(app, connections=1)
    assert reloads.ended(reload)[0] == reloads.DONE
    app.run.stop()


def test_one_that_cannot_be_looked_into_is_said_to_be_and_is_waited_for(
    berth_run, programs, place, shared
):
    options = ("--drain", "20s", "--watch", "0s")
    app = App(
        berth_run, programs, place, *options, tier=shared, n_workers=1, server=lone("unseen")
    )
    with held(app):
        reload = app.start("reload")
        wait_leaving(app, unseen=True)
        assert "connections unknown" in app.berth("ps")[1]
    assert reloads.ended(reload)[0] == reloads.DONE
    assert len(app.run.matching(event("worker_unseen"))) == 1
    app.run.stop()


def test_a_worker_that_stood_still_for_the_last_look_of_a_dead_primary_goes_on(
    berth_run, programs, place, steered
):
    """It may have died between that and the look."""
    options = ("--drain", "20s", "--idle-close", "off", "--watch", "0s", "--undo", "off")
    app = App(berth_run, programs, place, *options, tier=steered, n_workers=1, server=lone())
    with held(app):
        reload = app.start("reload")
        (old,) = wait_leaving(app, connections=1)
        primary = app.family.stop_primary()
        procs.kill_quietly(old["pid"], signal.SIGSTOP)
        procs.kill_quietly(primary)
        app.family.primary()
    reloads.ended(reload)
    app.wait_only_members()
    app.run.stop()
