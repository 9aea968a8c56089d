"""`berth drain SLOT`: one worker is replaced, new before old, and its clients may finish."""

import json

import pytest

import clients
import control
import procs
import reloads
from berthrun import event
from reloads import App, served

FAILED, USAGE = 1, 2
QUICK = ("--drain", "2s", "--idle-close", "200ms", "--watch", "0s", "--ready-timeout", "1s")
LONG = ("--drain", "30s", "--idle-close", "off", "--watch", "0s")


@pytest.fixture
def make_app(berth_run, programs, place):
    def make(tier, *options):
        return App(berth_run, programs, place, *(options or QUICK), tier=tier)

    return make


def state_of(app):
    return control.request(f"{app.directory}/web.sock", "GET", "/v1/drain")[2]


def wait_state(app, state, **wanted):
    wanted["state"] = state
    procs.wait_until(
        lambda: wanted.items() <= state_of(app).items(), lambda: f"{wanted}, not {state_of(app)}"
    )


def n_clients(pid, port):
    """How many connections at @port the process has accepted."""
    inodes = {target[8:-1] for target in procs.fds_of(pid).values() if target.startswith("socket:[")}
    with open("/proc/net/tcp") as table:
        rows = [row.split() for row in list(table)[1:]]
    return sum(
        row[3] == "01" and row[9] in inodes and int(row[1].split(":")[1], 16) == port
        for row in rows
    )


def held_by_one(app):
    """Slot 2 drains, and a client that has only begun to ask keeps it. The clients, and the verb."""
    worker = app.run.workers()[2]
    asking = []

    def comes_there():
        asking.append(clients.connect(app.port))
        asking[-1].sendall(b"GET / HTTP/1.1\r\n")
        return n_clients(worker, app.port) > 0

    procs.wait_until(comes_there, "a client comes to slot 2")
    drain = app.start("drain", "web.2")
    wait_state(app, "draining")
    return asking, drain


def test_another_worker_takes_the_slot_and_no_client_notices(make_app, tier, start_load):
    app = make_app(tier)
    before = app.family.wait_whole(2)
    with served(start_load, app.port):
        code, text = app.berth("drain", "2")
    assert code == reloads.DONE, text
    for words in ("another worker comes up", "the old one has left"):
        assert f"slot 2: {words}" in text, text
    after = app.family.wait_whole(2)
    assert after[1] == before[1] and after[2] != before[2]
    app.wait_said("drained")
    app.run.stop()


def test_json_prints_each_step_as_one_object(make_app, steered):
    app = make_app(steered)
    code, text = app.berth("drain", "web.1", "--json")
    assert code == reloads.DONE, text
    steps = [json.loads(line) for line in text.splitlines()]
    assert steps[0]["slot"] == 1 and steps[-1]["state"] == "done", steps
    operations = control.request(f"{app.directory}/web.sock", "GET", "/v1/operations")[2]
    assert ("drain-1", "done", True) in [
        (each["id"], each["state"], each["is_over"]) for each in operations["operations"]
    ]
    app.run.stop()


def test_who_is_served_already_may_finish_and_another_order_is_refused_meanwhile(
    make_app, steered
):
    app = make_app(steered, *LONG)
    before = app.family.wait_whole(2)
    asking, drain = held_by_one(app)
    procs.wait_until(lambda: state_of(app).get("connections", 0) > 0, "it is counted")
    assert state_of(app)["left_ms"] > 0
    assert before[2] not in clients.tally(app.port, 8)
    code, text = app.berth("drain", "1")
    assert code == FAILED and "drains" in text, text
    answers = set()
    for client in asking:
        client.sendall(b"Connection: close\r\n\r\n")
        answers.add(int(clients.finish_get(client).split()[-1]))
    assert before[2] in answers
    assert reloads.ended(drain)[0] == reloads.DONE
    assert app.berth("drain", "1")[0] == reloads.DONE
    app.run.stop()


def test_it_ends_with_124_when_it_takes_longer_and_goes_on(make_app, steered):
    app = make_app(steered, *LONG)
    asking, drain = held_by_one(app)
    drain.kill()
    drain.communicate()
    assert state_of(app)["state"] == "draining"
    for client in asking:
        client.close()
    wait_state(app, "done")
    app.deploy("exec sleep 1000")
    code, text = app.berth("drain", "1", "--timeout", "200ms")
    assert code == reloads.DEADLINE and "not done in time" in text, text
    assert state_of(app)["state"] == "starting"
    app.run.stop()


def test_if_the_new_one_fails_the_old_one_goes_on(make_app, tier, start_load):
    app = make_app(tier)
    before = app.family.wait_whole(2)
    with served(start_load, app.port):
        app.deploy("echo no good; exit 3")
        code, text = app.berth("drain", "2")
        assert code == reloads.ROLLED_BACK, text
        assert "the old worker goes on" in text and "exit code 3" in text, text
        assert "wrote last: no good" in text, text
        app.deploy("echo waits for Godot; exec sleep 1000")
        code, text = app.berth("drain", "2")
        assert code == reloads.ROLLED_BACK and "is not ready after 1 s" in text, text
        assert app.family.wait_whole(2) == before
    app.deploy_good()
    assert app.berth("drain", "2")[0] == reloads.DONE
    app.run.stop()


def test_what_cannot_be_drained_is_refused(make_app, steered):
    app = make_app(steered)
    code, text = app.berth("drain", "3")
    assert code == USAGE and "there are slots 1 to 2 only" in text, text
    reload = app.start("reload", "--watch", "60s")
    app.wait_phase("watching")
    code, text = app.berth("drain", "1")
    assert code == FAILED and "a reload is under way" in text, text
    assert app.berth("undo")[0] == reloads.DONE
    reloads.ended(reload)
    app.run.stop()


@pytest.mark.parametrize("when", ["starting", "draining"])
def test_it_goes_on_when_its_primary_is_killed(make_app, steered, when):
    app = make_app(steered, *LONG)
    before = app.family.wait_whole(2)
    asking = []
    if when == "draining":
        asking, drain = held_by_one(app)
    else:
        gate = app.place / "gate"
        app.deploy(f"while ! test -e {gate}; do sleep 0.02; done; exec {app.programs.hello} {app.port}")
        drain = app.start("drain", "2")
        wait_state(app, "starting", slot=2)
        app.run.wait_for(event("worker_started", slot=2), count=2)
    first = app.family.kill_primary()
    app.family.primary(other_than=first)
    if when == "starting":
        gate.touch()
    for client in asking:
        client.close()
    code, text = reloads.ended(drain)
    assert code == reloads.DONE, text
    after = app.family.wait_whole(2)
    assert after[1] == before[1] and after[2] != before[2]
    app.run.stop()
