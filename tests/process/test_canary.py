"""`berth reload --canary`: what rolls it back at once, and what doesn't."""

import functools
import os
import shutil
import signal

import pytest

import clients
import procs
import reloads
from reloads import App, served

WATCHED = ("--canary", "20%", "--watch", "4s")

SERVER = """#!/usr/bin/python3
import os, signal, socket, time
listener = socket.create_server(("", {port}), backlog=128)
GOOD = b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: 6\\r\\n\\r\\n%06d" % os.getpid()

def heard(client):
    request = b""
    while b"\\r\\n\\r\\n" not in request:
        chunk = client.recv(4096)
        if not chunk:
            break
        request += chunk
    return request

print("famous last words", flush=True)
{rest}
"""

RESETS = """
while True:
    client, _ = listener.accept()
    client.recv(1)
    client.close()
"""

STANDS_STILL = """
signal.pause()
"""

IS_SLOW = """
while True:
    client, _ = listener.accept()
    heard(client)
    time.sleep(0.15)
    client.sendall(GOOD)
    client.close()
"""

FALLS_ILL = """
n = 0
while True:
    client, _ = listener.accept()
    n += b"healthz" in heard(client)
    client.sendall(GOOD if n < 2 else GOOD.replace(b"200 OK", b"500 Oh"))
    client.close()
"""

STOPS_WHEN_TOLD = """
def stop(*_):
    while True:
        signal.pause()

signal.signal(signal.SIGUSR1, stop)
while True:
    client, _ = listener.accept()
    heard(client)
    client.sendall(GOOD)
    client.close()
"""


@pytest.fixture
def make_app(berth_run, programs, place, steered):
    def make(*options, n_workers=2):
        brisk = ("--drain", "1s", "--idle-close", "200ms", "--undo", "off")
        return App(berth_run, programs, place, *brisk, *options, tier=steered, n_workers=n_workers)

    return make


def deploy(app, rest):
    app.deploy(SERVER.format(port=app.port, rest=rest))


def assert_rolled_back(app, before, text, *words):
    for each in ("web.1", "it wrote last: famous last words", *words):
        assert each in text, text
    assert "web.2: generation" not in text, "the canary came alone"
    assert app.family.wait_whole(2) == before
    app.deploy_good()
    app.reload("--watch", "0s")


def test_it_has_its_share_of_the_clients(make_app):
    app = make_app(n_workers=3)
    before = set(app.family.wait_whole(3).values())
    reload = app.start("reload", "--canary", "20%", "--watch", "60s")
    app.wait_phase("canary")
    (canary,) = (slot["pid"] for slot in app.slots() if slot["role"] == "candidate")
    counts = clients.tally(app.port, 400)
    assert set(counts) == {canary, *before}
    assert 40 < counts[canary] < 130, counts
    assert app.berth("undo")[0] == 0 and reloads.ended(reload)[0] == reloads.ROLLED_BACK
    assert canary not in clients.tally(app.port, 20)
    app.run.stop()


def test_without_steering_there_is_no_canary(berth_run, programs, place, shared):
    app = App(berth_run, programs, place, tier=shared)
    before = app.family.wait_whole(2)
    text = app.reload("--canary", "10%", code=reloads.ROLLED_BACK)
    assert "a canary needs the steered tier: berth doctor says what that needs" in text, text
    assert app.state()["state"] == "none" and app.family.wait_whole(2) == before
    app.reload()
    app.run.stop()


def test_one_that_resets_its_clients_is_rolled_back(make_app, start_load):
    app = make_app()
    before = app.family.wait_whole(2)
    deploy(app, RESETS)
    # It takes some of them to tell it from chance.
    with served(start_load, app.port, n_may_fail=40):
        text = app.reload(*WATCHED, code=reloads.ROLLED_BACK)
        assert_rolled_back(app, before, text, "resets its clients: ", "the others 0 of ")
    app.run.stop()


def test_one_that_stands_still_is_rolled_back_and_who_waited_for_it_is_served(
    make_app, start_load
):
    app = make_app()
    before = app.family.wait_whole(2)
    deploy(app, STANDS_STILL)
    with served(start_load, app.port):
        text = app.reload(*WATCHED, code=reloads.ROLLED_BACK)
        assert_rolled_back(app, before, text, "hangs: for 1.0 s it has come for none of the")
    app.run.stop()


def test_one_that_fails_its_probe_is_rolled_back(make_app, start_load):
    app = make_app("--probe", "http:/healthz", "--probe-interval", "100ms")
    before = app.family.wait_whole(2)
    deploy(app, FALLS_ILL)
    with served(start_load, app.port, n_may_fail=40):
        text = app.reload(*WATCHED, code=reloads.ROLLED_BACK)
        assert_rolled_back(app, before, text, "fails its probe", "500")
    app.run.stop()


def test_one_that_is_only_slow_is_not_rolled_back(make_app, start_load):
    app = make_app()
    deploy(app, IS_SLOW)
    with served(start_load, app.port, rate=25):
        app.reload("--canary", "20%", "--watch", "2s")
    app.run.stop()


def test_one_that_nobody_would_watch_is_refused(make_app):
    app = make_app("--watch", "off")
    text = app.reload("--canary", "20%", code=reloads.USAGE)
    assert "A canary must be watched for some time." in text, text
    app.reload()
    app.reload("--canary", "20%", "--watch", "100ms")
    app.run.stop()


def test_it_is_watched_by_the_next_primary_too(make_app, start_load):
    app = make_app()
    before = app.family.wait_whole(2)
    deploy(app, STOPS_WHEN_TOLD)
    with served(start_load, app.port):
        reload = app.start("reload", "--canary", "20%", "--watch", "8s")
        app.wait_phase("canary")
        (canary,) = (slot["pid"] for slot in app.slots() if slot["role"] == "candidate")
        first = app.family.kill_primary()
        app.family.primary(other_than=first)
        os.kill(canary, signal.SIGUSR1)
        code, text = reloads.ended(reload)
        assert code == reloads.ROLLED_BACK and "web.1 hangs: for 2.0 s" in text, text
        assert app.family.wait_whole(2) == before
    app.run.stop()


LISTENS_AGAIN = """
listener.close()
listener = socket.create_server(("", {port}), backlog=128)
while True:
    client, _ = listener.accept()
    heard(client)
    client.sendall(GOOD)
    client.close()
"""


def test_one_that_closes_and_listens_again_keeps_its_share(make_app):
    app = make_app()
    before = set(app.family.wait_whole(2).values())
    app.deploy(SERVER.format(port=app.port, rest=LISTENS_AGAIN.format(port=app.port)))
    reload = app.start("reload", "--canary", "50%", "--watch", "60s")
    app.wait_phase("canary")
    app.run.wait_for("famous last words")
    (canary,) = (slot["pid"] for slot in app.slots() if slot["role"] == "candidate")

    def is_asked():
        return clients.get_number(app.port) == canary

    procs.wait_until(is_asked, "the canary has its share")
    n = sum(is_asked() for _ in range(60))
    assert 10 < n < 50, n
    assert app.berth("undo")[0] == 0 and reloads.ended(reload)[0] == reloads.ROLLED_BACK
    assert set(app.family.wait_whole(2).values()) == before
    app.run.stop()


def test_a_whole_generation_that_never_accepts_is_rolled_back_and_who_waited_is_served(
    make_app, start_load
):
    app = make_app()
    before = app.family.wait_whole(2)
    deploy(app, STANDS_STILL)
    with served(start_load, app.port, rate=40):
        text = app.reload("--watch", "3s", code=reloads.ROLLED_BACK)
        assert "does not accept: it has come for nobody yet" in text, text
        assert app.family.wait_whole(2) == before
    app.deploy_good()
    app.reload("--watch", "0s")
    app.run.stop()


def test_where_its_resets_cannot_be_seen_that_is_said(berth_run, programs, place, steered):
    setpriv = shutil.which("setpriv")
    if not setpriv:
        pytest.skip("setpriv is not installed")
    less = functools.partial(
        berth_run, wrapper=[setpriv, "--bounding-set", "-perfmon,-sys_admin"]
    )
    app = App(less, programs, place, *reloads.BRISK, tier=steered)
    app.reload("--canary", "20%", "--watch", "1s")
    (said,) = app.wait_said("canary_unwatched")
    assert "resets its clients is not watched" in said.fields["message"]
    assert "CAP_PERFMON" in said.fields["message"]
    app.run.stop()
