"""Reloads and undos that are asked for while another one runs, or waits for old workers."""

import contextlib
import ctypes
import os
import signal

import pytest

import clients
import procs
import reloads
from reloads import App, generations

LONG = ("--drain", "25s", "--idle-close", "off", "--watch", "0s")


@pytest.fixture
def make_app(berth_run, programs, place, steered):
    def make(*options, n_workers=2):
        return App(berth_run, programs, place, *options, tier=steered, n_workers=n_workers)

    return make


def draining(app, generation):
    return [slot for slot in app.in_state("draining") if slot["generation"] == generation]


# --- one after the other ------------------------------------------------------------------


def test_one_that_only_waits_for_old_connections_ends_when_the_next_one_follows(make_app):
    app = make_app(*LONG)
    with reloads.hold_all(app):
        first = app.start("reload")
        app.wait_phase("settling")
        second = app.start("reload", "--timeout", "20s")
        assert reloads.ended(first)[0] == reloads.DONE
        procs.wait_until(lambda: generations(app) == {1: 3, 2: 3}, "generation 3")
        assert len(draining(app, 1)) == 2
    code, text = reloads.ended(second)
    assert code == reloads.DONE and "reload 2 follows the one before" in text, text
    app.run.stop()


def test_the_next_one_waits_while_more_leave_than_there_are_slots(make_app):
    app = make_app(*LONG, "--undo", "off")
    with reloads.hold_all(app):
        app.start("reload")
        app.wait_phase("settling")
        with reloads.hold_all(app):
            app.start("reload")
            procs.wait_until(lambda: generations(app) == {1: 3, 2: 3}, "generation 3")
            third = app.start("reload")
            procs.wait_until(lambda: app.state()["has_next"], "a third one waits")
            assert len(draining(app, 1)) == 2 and len(draining(app, 2)) == 2
    code, text = reloads.ended(third)
    assert code == reloads.DONE, text
    assert generations(app) == {1: 4, 2: 4}
    app.run.stop()


@contextlib.contextmanager
def held_by_the_kernel(pid):
    """A process that is killed and doesn't go: its debugger has not let it."""
    seize, detach, trace_exit = 0x4206, 17, 0x40
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if ptrace(seize, pid, None, trace_exit) < 0:
        pytest.skip(f"ptrace: {os.strerror(ctypes.get_errno())}")
    try:
        yield
    finally:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0x40000000)  # __WALL
        ptrace(detach, pid, None, None)


def test_who_is_killed_and_does_not_go_is_said_and_not_waited_for(make_app):
    app = make_app("--stop-timeout", "100ms", "--watch", "0s", "--undo", "off")
    stuck = app.family.wait_whole(2)[1]
    os.kill(stuck, signal.SIGSTOP)  # else it ends by itself
    with held_by_the_kernel(stuck):
        text = app.reload("--timeout", "20s")
        assert "done" in text, text
        app.wait_said("worker_stuck", slot=1)
        assert [slot["pid"] for slot in app.slots() if slot["role"] == "leaving"] == [stuck]
        app.reload("--timeout", "5s")
        first = app.family.kill_primary()
        app.family.primary(other_than=first)
        app.reload("--timeout", "5s")
    app.wait_only_members()
    assert len(clients.tally(app.port, 8)) == 2
    app.family.end()


# --- from primary to primary --------------------------------------------------------------


def test_steps_are_numbered_on_by_the_next_primary_and_the_timeline_goes_on(make_app):
    app = make_app(*reloads.BRISK)
    app.reload()
    reload = app.start("reload", "--watch", "3s", "--json")
    app.wait_phase("watching")
    last = max(step["number"] for step in app.state()["steps"])
    first = app.family.kill_primary()
    app.family.primary(other_than=first)
    code, text = reloads.ended(reload)
    assert code == reloads.DONE, text
    steps = reloads.steps_of(text)
    assert [s["event"] for s in steps][-2:] == ["reload_final", "reloaded"], text
    assert steps[-2]["number"] > last
    assert app.state()["last_done"] == 2
    app.family.end()


def test_one_that_was_done_and_followed_while_nobody_answered_is_done(make_app):
    app = make_app(*LONG)
    with reloads.hold_all(app):
        first = app.start("reload")
        app.wait_phase("settling")
        first.send_signal(signal.SIGSTOP)
        second = app.start("reload", "--timeout", "20s")
        procs.wait_until(lambda: generations(app) == {1: 3, 2: 3}, "generation 3")
        killed = app.family.kill_primary()
        app.family.primary(other_than=killed)
        first.send_signal(signal.SIGCONT)
        code, text = reloads.ended(first)
        assert code == reloads.DONE, text
    assert reloads.ended(second)[0] == reloads.DONE
    app.family.end()


# --- who is dead --------------------------------------------------------------------------


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_wrong_port_does_not_pass_where_the_worker_before_has_died(make_app, is_killed):
    app = make_app(*reloads.BRISK, "--ready-timeout", "1s")
    app.deploy("exit 1")
    for pid in app.family.wait_whole(2).values():
        os.kill(pid, signal.SIGKILL)
    app.wait_said("worker_exited")
    procs.wait_until(lambda: len(app.in_state("backoff")) == 2, "both pause")
    if is_killed:
        first = app.family.kill_primary()
        app.family.primary(other_than=first)
    app.deploy(f"exec {app.programs.hello} {clients.free_port()}")
    text = app.reload(code=reloads.ROLLED_BACK)
    assert f"does not listen on 0.0.0.0:{app.port}, but on" in text, text
    app.deploy_good()
    app.reload()
    assert len(clients.tally(app.port, 8)) == 2
    app.family.end()
