"""Connections of workers that leave: which are closed, when, and what is shown of them."""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

import apps
import clients
import procs
import reloads
from reloads import App, KeptLoad

SERVERS = Path(__file__).resolve().parents[1] / "servers"
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Kept:
    """A client that keeps its connection."""

    def __init__(self, port):
        self._socket = clients.connect(port)
        self.began = time.monotonic()

    def ask(self):
        self._socket.sendall(REQUEST)
        answer = b""
        while b"\r\n\r\nhello" not in answer or not answer.endswith(b"\n"):
            part = self._socket.recv(65536)
            assert part, f"closed within a request: {answer!r}"
            answer += part
        return int(answer.rsplit(b" ", 1)[1])

    def wait_closed(self, timeout_s=10):
        """Waits for the server's FIN, with no byte before it. Returns how long that took."""
        began = time.monotonic()
        self._socket.settimeout(timeout_s)
        assert self._socket.recv(1) == b"", "a byte came before the end"
        return time.monotonic() - began

    def is_open(self):
        self._socket.setblocking(False)
        try:
            return self._socket.recv(1) != b""
        except BlockingIOError:
            return True
        finally:
            self._socket.settimeout(clients.DEADLINE_S)

    def close(self):
        self._socket.close()


def kept_server(place, port):
    """It keeps connections, and has no shutdown code."""
    return [*apps.asyncio_hello(place), port]


@pytest.fixture
def app(berth_run, programs, place, steered):
    def make(*options, n_workers=1, server=kept_server):
        return App(
            berth_run, programs, place, *options, tier=steered, n_workers=n_workers, server=server
        )

    return make


@contextlib.contextmanager
def many_kept(port, n):
    kept = [Kept(port) for _ in range(n)]
    yield kept
    for each in kept:
        each.close()


def test_an_idle_client_sees_the_end_between_two_requests_after_idle_close(app):
    app = app("--drain", "6s", "--idle-close", "1s", "--watch", "0s")
    with many_kept(app.port, 1) as (client,):
        old = client.ask()
        reload = app.start("reload")
        app.wait_phase("settling")
        assert client.ask() == old, "it is served where it is, as long as it asks"
        took_s = client.wait_closed()
        # Where it can't be told who had the last word it is half of the drain.
        assert 0.9 < took_s < 5, took_s
    assert reloads.ended(reload)[0] == reloads.DONE
    assert clients.get_number(app.port) != old
    app.run.stop()


def test_a_request_under_way_is_never_cut_before_the_deadline(app):
    app = app("--drain", "5s", "--idle-close", "200ms", "--watch", "0s")
    with many_kept(app.port, 2) as (client, idle):
        idle.ask()
        client._socket.sendall(REQUEST[:-2])
        reload = app.start("reload")
        app.wait_phase("settling")
        idle.wait_closed()
        assert client.is_open()
        client._socket.sendall(REQUEST[-2:])
        assert client._socket.recv(65536).startswith(b"HTTP/1.1 200")
        client.wait_closed()
    assert reloads.ended(reload)[0] == reloads.DONE
    app.run.stop()


def test_with_idle_close_off_a_quiet_connection_stays_until_the_deadline(app):
    app = app("--drain", "2s", "--idle-close", "off", "--watch", "0s")
    with many_kept(app.port, 1) as (client,):
        client.ask()
        began = time.monotonic()
        reload = app.start("reload")
        client.wait_closed()
        assert time.monotonic() - began > 1.9
    assert reloads.ended(reload)[0] == reloads.DONE
    app.run.stop()


def test_of_a_draining_worker_is_told_what_holds_it_and_how_long_it_still_has(app):
    app = app("--drain", "20s", "--idle-close", "off", "--watch", "0s")
    with many_kept(app.port, 3) as kept:
        for each in kept:
            each.ask()
        reload = app.start("reload")
        app.wait_phase("settling")

        def holds():
            leaving = [slot for slot in app.slots() if slot["role"] == "leaving"]
            return [slot for slot in leaving if slot.get("connections") == 3]

        (leaving,) = procs.wait_until(holds, lambda: f"three connections: {app.slots()}")
        assert 0 < leaving["left_ms"] <= 20000
        kept.pop().close()
        procs.wait_until(
            lambda: [s for s in app.slots() if s.get("connections") == 2], "two connections"
        )
    assert reloads.ended(reload)[0] == reloads.DONE
    app.run.stop()


@pytest.mark.parametrize("left_ms", [2400, 1950])
def test_who_asks_again_at_once_is_served_though_nobody_watched_at_the_deadline(
    app, spawn, left_ms
):
    """These are closed in the last two seconds, at moments that have to be seen."""

    def tardy(at, port):
        return [apps.PYTHON, apps.copied(SERVERS / "tardy.py", at), port]

    app = app("--drain", "2500ms", "--watch", "0s", "--undo", "off", server=tardy)
    kept = KeptLoad(spawn, app.port, 20)
    reload = app.start("reload")
    procs.wait_until(
        lambda: [s for s in app.slots() if s.get("connections") and s["left_ms"] < left_ms],
        "its clients are about to be sent away",
    )
    primary = app.family.stop_primary()
    too_late = time.monotonic() + left_ms / 1000 + 0.1
    procs.wait_until(lambda: time.monotonic() > too_late, "the deadline passes")
    os.kill(primary, signal.SIGCONT)
    assert reloads.ended(reload)[0] == reloads.DONE
    figures = kept.stop()
    assert figures["closed_between"] == 20 and not figures["failures"], figures
    app.run.stop()
