#!/usr/bin/python3
"""Add up what the test runners found.

usage: sum_tests.py FILE...

Each FILE is Meson's testlog.json or a JUnit report (.xml). Prints one line,
"N passed, N failed, N skipped"; exits with 1 if any failed. A C test says that
it is skipped by a line "SKIP name: reason". A FILE that is not there means that
its runner broke down, which counts as one failure.
"""
import collections
import json
import pathlib
import sys
import xml.etree.ElementTree

Sums = collections.namedtuple("Sums", "passed failed skipped")


def of_program(test):
    """One test program: its lines of TAP if it printed any, else its exit status."""
    lines = test.get("stdout", "").splitlines()
    passed = sum(line.startswith("ok ") for line in lines)
    failed = sum(line.startswith("not ok ") for line in lines)
    skipped = [line for line in lines if line.startswith("SKIP ")]
    for line in skipped:
        print(line)
    if test["result"] == "SKIP":
        return Sums(0, 0, 1)
    if test["result"] != "OK":
        failed = max(failed, 1)
    elif not passed:
        passed = 1
    # Check knows no skipping: a test that printed SKIP was counted as passed.
    return Sums(passed - len(skipped), failed, len(skipped))


def of_meson(path):
    return [of_program(json.loads(line)) for line in path.read_text().splitlines()]


def of_junit(path):
    sums = []
    for suite in xml.etree.ElementTree.parse(path).getroot().iter("testsuite"):
        failed = int(suite.get("failures")) + int(suite.get("errors"))
        skipped = int(suite.get("skipped"))
        sums.append(Sums(int(suite.get("tests")) - failed - skipped, failed, skipped))
    return sums


def main(paths):
    sums = []
    for path in map(pathlib.Path, paths):
        if not path.exists():
            print(f"{path} is missing: its test runner broke down")
            sums.append(Sums(0, 1, 0))
        else:
            sums += of_junit(path) if path.suffix == ".xml" else of_meson(path)
    total = Sums(*map(sum, zip(*sums))) if sums else Sums(0, 0, 0)
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return total.failed != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
