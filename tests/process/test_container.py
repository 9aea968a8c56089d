"""As in a container: the keeper is PID 1, the root read-only but for one tmpfs, and no /run."""

import os
import signal

import clients
import procs
from berthrun import event
from family import Family, children_of

CONTAINER = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"]
SET_UP = """
set -e
mount -t tmpfs none /mnt
mount -t tmpfs -o ro none /run
mount -o remount,bind,ro /
! touch /container-test 2>/dev/null
cd /mnt
exec "$0" "$@"
"""


class Contained(Family):
    def __init__(self, run):
        super().__init__(run)
        (self.keeper,) = children_of(run.pid)

    def _kids(self):
        return children_of(self.keeper)


def test_in_a_container_berth_serves_replaces_reaps_and_stops(berth_run, steered, programs):
    port = clients.free_port()
    script = f'(sleep 0.01 & exit 0); exec "{programs.hello}" {port}'
    run = berth_run(
        ["-n", 3, "--", "sh", "-c", script], tier=steered, wrapper=[*CONTAINER, SET_UP]
    )
    run.wait_listening(3)
    family = Contained(run)
    before = family.wait_whole(3)  # and so the sleepers have been reaped
    primary = family.kill_primary()
    family.primary(other_than=primary)
    assert family.wait_whole(3) == before
    assert clients.http_get(port)
    os.kill(before[2], signal.SIGKILL)
    run.wait_for(event("worker_started", slot=2), count=2)
    after = family.wait_whole(3)
    assert after[2] != before[2] and after[1] == before[1]
    assert clients.http_get(port)
    family.assert_no_primary_crashed()
    os.kill(family.keeper, signal.SIGTERM)
    run.ends_with(0)
    assert procs.is_gone(family.keeper)
