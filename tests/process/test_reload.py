"""`berth reload` and `berth undo`: what they do, what they say, and what they never do."""

import os
import random
import signal
import time

import pytest

import clients
import control
import procs
import reloads
from reloads import App, generations, served, steps_of

UNDO_S = 0.5  # it takes milliseconds; the rest is for machines that do much else


@pytest.fixture
def app(berth_run, programs, place, tier):
    return App(berth_run, programs, place, tier=tier)


@pytest.fixture
def steered_app(berth_run, programs, place, steered):
    """Makes one with options of its own."""

    def make(*options, n_workers=2):
        return App(berth_run, programs, place, *options, tier=steered, n_workers=n_workers)

    return make


# --- what it does -------------------------------------------------------------------------


def test_every_slot_gets_a_new_worker_and_the_timeline_tells_of_each(app, start_load):
    before = app.family.workers()
    with served(start_load, app.port):
        text = app.reload()
    for words in ("from generation 1 to 2", "web.1: ready", "web.2: ready", "(2 of 2)", "final",
                  "done after"):  # fmt: skip
        assert words in text, text
    procs.wait_until(lambda: generations(app) == {1: 2, 2: 2}, "generation 2")
    members = {slot["pid"] for slot in app.slots() if slot["role"] == "member"}
    assert not members & {pid for pids in before.values() for pid in pids}
    assert set(clients.tally(app.port, 8)) <= members
    app.run.stop()


def test_json_prints_each_step_as_one_object(app):
    steps = steps_of(app.reload("--json"))
    names = [step["event"] for step in steps]
    assert names[0] == "reload_begun" and names[-1] == "reloaded", names
    assert names.count("reload_slot") == 2
    assert all(step["reload"] == 1 and step["at"] and step["text"] for step in steps)
    app.run.stop()


def test_a_hangup_reloads_as_well(app):
    app.run.send(signal.SIGHUP)
    app.wait_said("reloaded")
    assert generations(app) == {1: 2, 2: 2}
    app.run.stop()


def test_the_command_ends_with_124_when_it_takes_longer_and_the_reload_goes_on(app):
    text = app.reload("--watch", "1s", "--timeout", "200ms", code=reloads.DEADLINE)
    assert "not done in time" in text
    app.wait_said("reloaded")
    app.run.stop()


def test_only_what_is_on_the_disk_when_a_worker_starts_matters(app):
    app.deploy(f"echo new release; exec {app.programs.hello} {app.port}")
    app.reload()
    assert len(app.run.matching("new release")) == 2
    app.run.stop()


@pytest.mark.parametrize("surge, unavailable", [(2, 0), (0, 1), (1, 1), (3, 2)])
def test_however_many_come_up_at_once_all_slots_get_one(steered_app, surge, unavailable):
    options = ("--max-surge", surge, "--max-unavailable", unavailable, "--undo", "off")
    app = steered_app(*reloads.BRISK, *options, n_workers=4)
    app.reload()
    assert generations(app) == {slot: 2 for slot in range(1, 5)}
    app.wait_only_members()
    app.assert_serves()
    app.run.stop()


# --- undo ---------------------------------------------------------------------------------


def test_an_undo_within_the_window_takes_milliseconds_and_the_old_ones_serve_again(
    steered_app, start_load
):
    app = steered_app()
    before = app.family.wait_whole(2)
    app.reload()
    procs.wait_until(lambda: len(app.in_state("frozen")) == 2, "two that stand still")
    with served(start_load, app.port):
        began = time.monotonic()
        status, _, _ = control.request(f"{app.directory}/web.sock", "POST", "/v1/undo")
        assert status < 300 and time.monotonic() - began < UNDO_S
        assert set(clients.tally(app.port, 8)) <= set(before.values())
    app.wait_only_members()
    assert app.family.wait_whole(2) == before
    assert generations(app) == {1: 1, 2: 1}
    code, text = app.berth("undo")
    assert code == reloads.ROLLED_BACK and "no reload to be undone" in text, text
    app.reload()
    assert generations(app) == {1: 3, 2: 3}
    app.run.stop()


def test_a_reload_that_runs_can_be_undone(app, start_load):
    before = app.family.wait_whole(2)
    with served(start_load, app.port):
        reload = app.start("reload", "--watch", "60s")
        app.wait_phase("watching")
        code, text = app.berth("undo")
        assert code == reloads.DONE and "undone by uid" in text, text
        code, text = reloads.ended(reload)
    assert code == reloads.ROLLED_BACK and "undone by uid" in text, text
    assert app.family.wait_whole(2) == before
    app.reload()
    app.run.stop()


def test_a_short_drain_is_long_enough_for_an_undo(steered_app):
    app = steered_app("--drain", "400ms", "--watch", "50ms")
    before = app.family.wait_whole(2)
    app.reload()
    procs.wait_until(lambda: len(app.in_state("frozen")) == 2, "two that stand still")
    assert app.berth("undo")[0] == reloads.DONE
    app.wait_only_members()
    assert app.family.wait_whole(2) == before
    app.run.stop()


# --- more than one ------------------------------------------------------------------------


def test_a_second_one_takes_the_place_of_the_first(app):
    first = app.start("reload", "--watch", "60s")
    app.wait_phase("watching")
    text = app.reload()
    assert "reload 2 takes the place of the one that runs" in text, text
    code, text = reloads.ended(first)
    assert code == reloads.ROLLED_BACK and "reload 2 takes its place" in text, text
    assert app.state()["state"] == "done" and generations(app) == {1: 3, 2: 3}
    app.run.stop()


def test_no_slot_comes_or_goes_while_a_reload_is_open(app):
    reload = app.start("reload", "--watch", "60s")
    app.wait_phase("watching")
    code, text = app.berth("scale", "3")
    assert code != 0 and "reload" in text, text
    app.run.send(signal.SIGTTIN)
    app.wait_said("not_scaled")
    assert app.berth("undo")[0] == 0 and reloads.ended(reload)[0] == reloads.ROLLED_BACK
    assert app.berth("scale", "3")[0] == 0
    app.assert_serves(3)
    app.run.stop()


def test_a_reload_mends_what_is_in_back_off(app, start_load):
    """One worker is dead, and the command is no good: then a good one is deployed."""
    app.deploy("echo no good; exit 1")
    os.kill(app.family.workers()[1][0], signal.SIGKILL)
    app.run.wait_for("no good", count=3)
    app.deploy_good()
    with served(start_load, app.port):
        app.reload()
    assert generations(app) == {1: 2, 2: 2}
    app.run.stop()


# --- a stop -------------------------------------------------------------------------------


def end_in_rolling(app):
    app.deploy("exec sleep 1000")
    reload = app.start("reload")
    app.wait_phase("rolling")
    return reload


def end_in_watch(app):
    reload = app.start("reload", "--watch", "60s")
    app.wait_phase("watching")
    return reload


def end_in_watch_with_frozen_ones(app):
    reload = end_in_watch(app)
    procs.wait_until(lambda: len(app.in_state("frozen")) == 2, "they stand still")
    return reload


def end_in_settling(app):
    app.client = [reloads.hold_a_connection(app) for _ in range(4)]
    reload = app.start("reload", "--watch", "0s")
    app.wait_phase("settling", "done")
    return reload


def end_in_undoing(app):
    reload = app.start("reload", "--watch", "60s")
    app.wait_phase("watching")
    app.client = [reloads.hold_a_connection(app) for _ in range(4)]
    app.start("undo").communicate(timeout=30)
    return reload


def end_in_canary(app):
    reload = app.start("reload", "--canary", "20%", "--watch", "60s")
    app.wait_phase("canary")
    return reload


def end_when_done(app):
    reload = app.start("reload")
    app.wait_said("reloaded")
    return reload


def assert_a_stop_ends_everything(app, reload):
    app.run.stop()  # nothing is left
    code, text = reloads.ended(reload)
    assert code in (reloads.DONE, reloads.ROLLED_BACK, reloads.NO_PRIMARY), (code, text)
    assert code != reloads.NO_PRIMARY or "has ended" in text, text


PHASES = (end_in_rolling, end_in_canary, end_in_watch, end_in_watch_with_frozen_ones,
          end_in_settling, end_in_undoing, end_when_done)  # fmt: skip


@pytest.mark.parametrize("phase", PHASES)
def test_a_stop_ends_everything_in_every_phase(steered_app, phase):
    app = steered_app()
    assert_a_stop_ends_everything(app, phase(app))


@pytest.mark.parametrize("phase", [end_in_rolling, end_in_watch, end_in_undoing])
def test_a_stop_ends_everything_in_the_shared_tier(berth_run, programs, place, shared, phase):
    app = App(berth_run, programs, place, tier=shared)
    assert_a_stop_ends_everything(app, phase(app))


# --- deaths -------------------------------------------------------------------------------


def reload_until_answered(app):
    """Where there's no primary for a moment, or its answer is lost, it is asked for again."""
    while True:
        code, text = app.berth("reload")
        if code in (reloads.DONE, reloads.ROLLED_BACK, reloads.DEADLINE):
            return code, text
        assert app.run.process.poll() is None, app.run.output()


def kill_primaries_during(app, reload):
    while reload.poll() is None:
        time.sleep(app.dice.uniform(0.01, 0.3))
        app.family.kill_primary()


def test_whenever_a_primary_is_killed_the_reload_goes_on_or_is_rolled_back(app, start_load):
    app.dice = random.Random(3)
    held = app.held()
    with served(start_load, app.port):
        for _ in range(12 if os.environ.get("BERTH_TEST_LONG") else 3):
            reload = app.start("reload")
            kill_primaries_during(app, reload)
            reloads.ended(reload)
            app.wait_phase("done", "rolled-back", "none")
    app.family.primary()
    code, text = reload_until_answered(app)
    assert code == reloads.DONE, text
    app.berth("undo")
    app.wait_only_members()
    app.assert_serves()
    app.family.wait_fds(held)
    app.family.end()


def test_when_the_keeper_is_killed_a_reload_goes_on(app, start_load):
    with served(start_load, app.port):
        reload = app.start("reload", "--watch", "1s")
        app.wait_phase("watching")
        app.family.kill_keeper()
        code, text = reloads.ended(reload)
    assert code == reloads.DONE, text
    assert app.berth("undo")[0] in (reloads.DONE, reloads.ROLLED_BACK)
    app.wait_only_members()
    app.family.wait_whole(2)
    app.family.end()


def test_an_upgrade_during_a_reload_takes_nothing_from_it(app, start_load):
    with served(start_load, app.port):
        reload = app.start("reload", "--watch", "1s", "--json")
        app.wait_phase("watching")
        assert app.berth("upgrade")[0] == 0
        code, text = reloads.ended(reload)
    assert code == reloads.DONE, text
    assert generations(app) == {1: 2, 2: 2}
    app.run.stop()


def test_a_new_one_that_dies_within_the_watch_rolls_the_reload_back(app, start_load):
    before = app.family.wait_whole(2)
    reload = app.start("reload", "--watch", "60s")
    app.wait_phase("watching")
    with served(start_load, app.port, 1):
        victim = next(slot for slot in app.slots() if slot["generation"] == 2)
        os.kill(victim["pid"], signal.SIGKILL)
        code, text = reloads.ended(reload)
    assert code == reloads.ROLLED_BACK and "signal 9" in text, text
    assert app.family.wait_whole(2) == before
    app.run.stop()
