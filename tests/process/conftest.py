"""What the process tests share: the programs, the tiers, and how things are started and ended."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

import procs
from berthrun import BerthRun

REPO = Path(__file__).resolve().parents[2]
BERTH = Path(os.environ.get("BERTH", REPO / "build" / "berth")).resolve()
BUILD = BERTH.parent
PLACES = ["tests/servers", "tests/control", "bench", "examples"]

BERTH_PROGRAMS = ("berth", "berthd", "berth-keeper")

CAP_NET_ADMIN = 12
CAP_BPF = 39


@dataclasses.dataclass(frozen=True)
class Tier:
    """One way in which berth runs: the tier and who runs it."""

    name: str
    user: str | None = None

    @property
    def is_steered(self):
        return self.name == "steered"


STEERED = Tier("steered")
SHARED = Tier("shared", user="nobody")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than a few seconds")
    procs.become_subreaper()


def _effective_caps():
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return int(line.split()[1], 16)


def lack_of(tier):
    """What we lack for @tier, or None."""
    caps = _effective_caps()
    if tier.is_steered and not (caps >> CAP_BPF & 1 and caps >> CAP_NET_ADMIN & 1):
        return "the steered tier needs CAP_BPF and CAP_NET_ADMIN"
    if tier.user and os.geteuid() != 0:
        return f"becoming {tier.user} needs root"
    return None


def require(tier):
    if lack := lack_of(tier):
        pytest.skip(lack)


@pytest.fixture(autouse=True)
def deadline(request):
    """Nothing may wait for ever: a test that does fails, and its processes are ended."""

    def too_late(*_):
        raise AssertionError("the whole test took too long")

    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(120 if request.node.get_closest_marker("slow") else 60)
    yield
    signal.alarm(0)


@pytest.fixture(params=[STEERED, SHARED], ids=["steered", "shared_as_nobody"])
def tier(request):
    require(request.param)
    return request.param


@pytest.fixture
def steered():
    require(STEERED)
    return STEERED


@pytest.fixture
def shared():
    require(SHARED)
    return SHARED


@pytest.fixture(scope="session")
def scratch():
    """A directory that every user may enter: the tests' own are only for their owner."""
    path = Path(tempfile.mkdtemp(prefix="berth-tests-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def place(scratch):
    """A fresh directory that everybody may write to."""
    path = Path(tempfile.mkdtemp(dir=scratch))
    path.chmod(0o777)
    return path


class Programs:
    """The programs of the build, copied to where `nobody` can run them."""

    def __init__(self, directory):
        self._directory = directory
        directory.mkdir()

    def __getattr__(self, name):
        return self.path(name)

    def path(self, name):
        # berth's programs find each other by standing side by side.
        for each in BERTH_PROGRAMS if name == "berth" else (name,):
            copy = self._directory / each
            if not copy.exists():
                shutil.copy(self._find(each), copy)
                copy.chmod(0o755)
        return str(self._directory / name)

    @staticmethod
    def library(name):
        """One of the libraries that the programs are made of."""
        return str(BUILD / "src" / f"lib{name}.a")

    @staticmethod
    def _find(name):
        for folder in (BUILD, *(BUILD / place for place in PLACES)):
            if (folder / name).is_file():
                return folder / name
        pytest.fail(f"{name} is not built: {BUILD} has no such program")


@pytest.fixture(scope="session")
def programs(scratch):
    if not BERTH.is_file():
        pytest.fail(f"{BERTH} is not built (BERTH= names another)")
    return Programs(scratch / "bin")


@pytest.fixture
def berth_run(programs):
    """Starts `berth run ARGS`; ends it after the test, and looks for what it left."""
    runs = []

    def start(args, *, tier=None, json_lines=True, wrapper=(), **kw):
        user = kw.pop("user", tier.user if tier else None)
        options = ["--mode", tier.name] if tier else []
        options += ["--json"] if json_lines else []
        program = str(kw.pop("program", programs.berth))
        argv = [*map(str, wrapper), program, "run", *options, *map(str, args)]
        run = BerthRun(argv, user=user, **kw)
        runs.append(run)
        return run

    yield start
    for run in runs:
        run.clean_up()
    for run in runs:
        run.assert_nothing_left()


@pytest.fixture
def spawn():
    """Starts other programs, strangers to berth; ends them after the test."""
    processes = []

    def start(argv, **kw):
        process = subprocess.Popen(list(map(str, argv)), **kw)
        processes.append(process)
        procs.OURS.add(process.pid)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()


@pytest.fixture
def berth(programs):
    """Runs berth to its end and returns what subprocess.run does."""

    def call(*args, user=None, timeout_s=20, **kw):
        as_user = {"user": user, "group": "nogroup", "extra_groups": []} if user else {}
        return subprocess.run(
            [programs.berth, *map(str, args)],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            **as_user,
            **kw,
        )

    yield call
    procs.reap_orphans()


class Load:
    """The load generator at work: call it for its figures, or stop() it early for them."""

    def __init__(self, process):
        self._process = process

    def __call__(self, timeout_s=60):
        out, _ = self._process.communicate(timeout=timeout_s)
        assert self._process.returncode == 0, f"the load generator failed: {out!r}"
        return json.loads(out)

    def wait_begun(self):
        """Waits until stop() ends it in good order."""
        procs.wait_until(lambda: procs.blocks(self._process.pid, signal.SIGINT), "the load runs")

    def stand_still(self, seconds):
        """As on a machine that has no time for it."""
        self._process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)  # the measured time itself
        self._process.send_signal(signal.SIGCONT)

    def stop(self):
        self._process.send_signal(signal.SIGINT)
        return self()


@pytest.fixture
def start_load(programs, spawn):
    def start(*args):
        return Load(spawn([programs.load, *args], stdout=subprocess.PIPE))

    return start
