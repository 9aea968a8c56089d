"""`berth undo`: what it leads back to, for how long, and what comes between."""

import os
import signal
import time

import pytest

import clients
import control
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
    procs.wait_until(lambda: procs.state_of(before[1]) == "T", "the worker stands still")
    given = reloads.n_steered(app)
    clients_ = []
    while reloads.n_steered(app)[1] == given[1]:  # a turn may be another's for some of them
        clients_.append(clients.start_get(app.port))
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


# --- later --------------------------------------------------------------------------------


def test_after_its_time_an_undo_is_a_reload_of_what_is_on_the_disk(make_app):
    app = make_app(*reloads.BRISK, "--undo", "500ms")
    app.reload()
    app.wait_only_members()
    app.deploy(f"echo put back; exec {app.programs.hello} {app.port}")
    code, text = app.berth("undo")
    assert code == reloads.DONE and "the workers of generation 1 are not kept" in text, text
    assert generations(app) == {1: 3, 2: 3}
    assert len(app.run.matching("put back")) == 2
    app.deploy("exit 3")
    app.wait_only_members()
    code, text = app.berth("undo")
    assert code == reloads.ROLLED_BACK and "exit code 3" in text, text
    app.run.stop()


def test_in_the_shared_tier_an_undo_is_always_a_reload(berth_run, programs, place, shared):
    app = App(berth_run, programs, place, tier=shared)
    code, text = app.berth("undo")
    assert code == reloads.ROLLED_BACK and "no reload to be undone" in text, text
    app.reload()
    app.wait_only_members()
    assert app.berth("undo")[0] == reloads.DONE
    assert generations(app) == {1: 3, 2: 3}
    app.run.stop()


# --- while another reload waits -----------------------------------------------------------


def test_an_undo_takes_the_place_of_one_that_waits_for_its_turn(make_app):
    app = make_app("--drain", "20s", "--idle-close", "off", "--watch", "0s")
    with reloads.hold_all(app):
        first = app.start("reload")
        app.wait_phase("settling")
        before = {slot["slot"]: slot["pid"] for slot in app.slots() if slot["role"] == "member"}
        with reloads.hold_all(app):
            second = app.start("reload")
            procs.wait_until(lambda: generations(app) == {1: 3, 2: 3}, "generation 3")
            third = app.start("reload")
            procs.wait_until(lambda: app.state()["has_next"], "a third one waits")
            assert app.berth("undo", "--timeout", "1s")[0] == reloads.DEADLINE
            assert generations(app) == {1: 2, 2: 2}
    assert reloads.ended(first)[0] == reloads.DONE
    for each, words in (second, "another reload took its place"), (third, "not begun: undone"):
        code, text = reloads.ended(each)
        assert code == reloads.ROLLED_BACK and words in text, text
    assert_is_back(app, before)
    app.reload()
    assert generations(app) == {1: 4, 2: 4}
    app.run.stop()


def test_an_undo_of_one_that_is_being_undone_for_another_leaves_it_at_that(make_app):
    """What was to follow is what somebody wants to be rid of."""
    app = make_app("--drain", "20s", "--idle-close", "off", "--watch", "60s", n_workers=1)
    before = app.family.wait_whole(1)
    first = app.start("reload")
    app.wait_phase("watching")
    held = reloads.hold_all(app)
    second = app.start("undo")
    app.wait_phase("undoing")
    status, _, answer = control.request(f"{app.directory}/web.sock", "POST", "/v1/undo")
    assert (status, answer["answer"]) == (202, "joins")
    with held:
        assert set(clients.tally(app.port, 8)) == set(before.values())
    assert reloads.ended(first)[0] == reloads.ROLLED_BACK
    code, text = reloads.ended(second)
    assert code == reloads.DONE, text
    assert_is_back(app, before)
    app.run.stop()


@pytest.mark.parametrize("order", ["/v1/undo", "/v1/reload"])
def test_what_was_answered_is_done_also_by_the_next_primary(make_app, order):
    app = make_app(*reloads.BRISK)
    first = app.start("reload", "--watch", "60s")
    app.wait_phase("watching")
    status, _, _ = control.request(f"{app.directory}/web.sock", "POST", order)
    app.family.kill_primary()
    assert status == 202
    code, text = reloads.ended(first)
    assert code == reloads.ROLLED_BACK, text
    wanted = {1: 1, 2: 1} if order == "/v1/undo" else {1: 3, 2: 3}
    procs.wait_until(lambda: app.state()["state"] in ("done", "rolled-back"), "it has ended")
    procs.wait_until(lambda: generations(app) == wanted, f"{wanted}")
    app.family.end()
