"""`berth upgrade` on a berth that runs: what is tried, what is refused, what stays as it is."""

import os
import shutil
import subprocess
from pathlib import Path

import clients
import procs
import pytest
from family import Family

N_WORKERS = 2
NOT_UPGRADED = 6


@pytest.fixture
def web(berth_run, programs, tier):
    port = clients.free_port()
    run = berth_run(["-n", N_WORKERS, "--", programs.hello, port], tier=tier)
    run.wait_listening(N_WORKERS)
    return Family(run), port


def upgrade(family, programs, *args):
    place = procs.environ_of(family.keeper)["BERTH_RUNTIME_DIR"]
    return subprocess.run(
        [programs.berth, "upgrade", *map(str, args)],
        env={**os.environ, "BERTH_RUNTIME_DIR": place},
        capture_output=True, text=True, timeout=20, check=False,
    )


def test_an_upgrade_replaces_the_primary_and_nothing_else(web, programs):
    family, port = web
    before, keeper, primary = family.workers(), family.keeper, family.primary()
    done = upgrade(family, programs)
    assert done.returncode == 0, done
    assert family.wait_whole(N_WORKERS) and family.workers() == before
    assert family.keeper == keeper and family.primary() != primary
    assert len(clients.tally(port, 20)) >= 1
    family.end()


@pytest.mark.parametrize("what", ["fifo", "directory", "script", "another program", "nothing"])
def test_what_is_no_berth_is_refused_at_once_and_nothing_is_touched(web, programs, place, what):
    family, port = web
    path = place / "other"
    if what == "fifo":
        os.mkfifo(path)
    elif what == "directory":
        path.mkdir()
    elif what == "script":
        path.write_text("#!/bin/sh\necho can take over: berth 9\n")
    elif what == "another program":
        path = "/bin/true"
    if what in ("fifo", "script"):
        path.chmod(0o755)
    primary, before = family.primary(), family.workers()
    done = upgrade(family, programs, "--binary", path)
    assert done.returncode != 0 and done.stdout + done.stderr, done
    if what == "another program":
        assert done.returncode == NOT_UPGRADED, done
    assert family.primary() == primary and family.workers() == before
    assert len(clients.tally(port, 20)) >= 1
    assert upgrade(family, programs).returncode == 0, "the next good one works"
    family.wait_whole(N_WORKERS)
    family.end()


def test_berth_itself_stands_for_the_berthd_that_belongs_to_it(web, programs, place):
    family, _ = web
    primary = family.primary()
    done = upgrade(family, programs, "--binary", programs.berth)
    assert done.returncode == 0, done
    family.wait_whole(N_WORKERS)
    assert family.primary() != primary
    alone = place / "berth"
    shutil.copy(programs.berth, alone)
    alone.chmod(0o755)
    done = upgrade(family, programs, "--binary", alone)
    assert done.returncode == 1, done
    assert "there is no berthd beside it" in done.stderr, done
    family.end()


def test_a_berthd_without_a_keeper_beside_it_is_refused(web, programs, place):
    family, _ = web
    alone = place / "berthd"
    shutil.copy(Path(programs.berth).with_name("berthd"), alone)
    alone.chmod(0o755)
    done = upgrade(family, programs, "--binary", alone)
    assert done.returncode == NOT_UPGRADED, done
    assert "berth-keeper" in done.stdout + done.stderr, done
    family.end()
