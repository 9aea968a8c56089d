#!/usr/bin/python3
"""Check that the manual page and the README name the options that there are.

usage: options.py BERTH MANUAL README

What `BERTH run --help` and `BERTH why --help` print is what there is. The
manual names all of it and nothing else; so does the README's list of `berth
run`, but for --help.
"""
import pathlib
import re
import subprocess
import sys

OPTION = re.compile(r"--?[a-z][a-z-]*")
OPENS_LINE = re.compile(r" +((--?[a-z][a-z-]*(, +)?)+)")
OPENS_PARAGRAPH = re.compile(r"((\*--?[a-z][a-z-]*\*(, )?)+)")


def options(opening, lines):
    """Those that stand where @opening says, in any of @lines."""
    return {each for line in lines if (m := opening.match(line)) for each in OPTION.findall(m[1])}


def real_options(berth, verb):
    command = [berth, verb, "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return options(OPENS_LINE, text.splitlines())


def manual_options(text):
    return options(OPENS_PARAGRAPH, text.splitlines())


def readme_options(text):
    block = text.partition("berth run [options]")[2].partition("```")[0]
    return options(OPENS_LINE, block.splitlines())


def report(where, told, real):
    for option in sorted(real - told):
        print(f"{where}: {option} does not stand there")
    for option in sorted(told - real):
        print(f"{where}: there is no option {option}")
    return told != real


def main(berth, manual, readme):
    run, why = (real_options(berth, verb) for verb in ("run", "why"))
    wrong = report(manual, manual_options(pathlib.Path(manual).read_text()), run | why)
    wrong |= report(readme, readme_options(pathlib.Path(readme).read_text()), run - {"-h", "--help"})
    return wrong


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
