"""`berth undo`: what it leads back to, for how long, and what comes between."""

import os
import signal
import time

import pytest

import clients
import procs
import reloads
from reloads import App, generations


@pytest.fixture
def make_app(berth_run, programs, place, steered):
    def make(*options, n_workers=2):
        return App(berth_run, programs, place, *options, tier=steered, n_workers=n_workers)

    return make


def wait_frozen(app, n=2):
    procs.wait_until(lambda: len(app.in_state("frozen")) == n, lambda: f"{n} that stand still, not {app.slots()}: {app.run.output()}")


def assert_is_back(app, before):
    assert set(clients.tally(app.port, 8)) <= set(before.values())
    app.wait_only_members()
    assert app.family.wait_whole(len(before)) == before


def test_a_reload_that_fails_leaves_the_undo_of_the_good_one_before(make_app):
    app = make_app()
    before = app.family.wait_whole(2)
    app.reload()
    wait_frozen(app)
    app.deploy("exit 3")
    app.reload(code=reloads.ROLLED_BACK)
    assert len(app.in_state("frozen")) == 2
    first = app.family.kill_primary()
    app.family.primary(other_than=first)
    code, text = app.berth("undo")
    assert code == reloads.DONE, text
    assert_is_back(app, before)
    app.family.end()


def test_what_is_kept_is_kept_for_its_own_time_whatever_fails_meanwhile(make_app):
    app = make_app(*reloads.BRISK, "--undo", "3s")
    app.reload()
    wait_frozen(app)
    left = max(slot["left_ms"] for slot in app.in_state("frozen"))
    app.deploy("exit 3")
    app.reload(code=reloads.ROLLED_BACK)
    assert max(slot["left_ms"] for slot in app.in_state("frozen")) < left
    app.wait_only_members()
    app.run.stop()


def test_a_connection_that_outlives_the_drain_is_cut_and_the_undo_stays_possible(make_app):
    app = make_app("--drain", "1500ms", "--idle-close", "off", "--watch", "0s")
    before = app.family.wait_whole(2)
    with reloads.hold_a_connection(app) as client:
        app.reload()
        wait_frozen(app)
        assert client.recv(1) == b"", app.run.output()
        assert app.berth("undo")[0] == reloads.DONE
        assert_is_back(app, before)
    app.run.stop()


def test_who_leaves_clients_waiting_for_the_whole_drain_is_not_kept(make_app):
    app = make_app("--drain", "1s", "--stop-timeout", "300ms", "--watch", "0s")
    before = app.family.wait_whole(2)
    os.kill(before[1], signal.SIGSTOP)
    clients_ = [clients.start_get(app.port) for _ in range(8)]
    app.reload()
    app.wait_said("not_kept")
    app.wait_only_members()
    for client in clients_:
        clients.finish_get(client)  # each is served by somebody
    app.run.stop()


def test_where_one_that_is_kept_has_gone_the_others_are_not_kept_for_nothing(make_app):
    app = make_app()
    app.reload()
    wait_frozen(app)
    os.kill(app.in_state("frozen")[0]["pid"], signal.SIGKILL)
    app.wait_said("not_kept")
    app.wait_only_members()
    app.run.stop()


def n_wakes(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt"))


def test_those_that_may_be_wanted_again_wake_nobody(make_app):
    app = make_app("--drain", "2s", "--idle-close", "200ms", "--watch", "60s")
    reload = app.start("reload")
    wait_frozen(app)
    reload.kill()
    reload.communicate()
    primary = app.family.primary_now()
    procs.wait_until(lambda: procs.state_of(primary) == "S", "it sleeps")
    before = n_wakes(primary)
    time.sleep(2)  # what does not happen is no event
    assert n_wakes(primary) - before < 6
    app.run.stop()
