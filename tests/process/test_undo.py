"""`berth undo`: what it leads back to, for how long, and what comes between."""

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
    procs.wait_until(lambda: len(app.in_state("frozen")) == n, f"{n} that stand still")


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
