#!/usr/bin/python3
"""Check that all that names berth's verbs and options names those that there are.

usage: options.py BERTH MANUAL README COMPLETION

What `BERTH --help` and `BERTH VERB --help` print is what there is. The manual names all of the options and no others; so does the README's list
of `berth run`, but for --help; bash's completion offers all of them, and the verbs.
"""
import pathlib
import re
import subprocess
import sys

OPTION = re.compile(r"--?[a-z][a-z-]*")
OPENS_LINE = re.compile(r" +((--?[a-z][a-z-]*(, +)?)+)")
OPENS_VERB = re.compile(r"  berth ([a-z]+) ")
OPENS_PARAGRAPH = re.compile(r"((\*--?[a-z][a-z-]*\*(, )?)+)")


def options(opening, lines):
    """Those that stand where @opening says, in any of @lines."""
    return {each for line in lines if (m := opening.match(line)) for each in OPTION.findall(m[1])}


# Asks bash what may stand behind the words $2 and following.
ASK = """
source "$1"; shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_berth
printf '%s\\n' "${COMPREPLY[@]}"
"""


def printed(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def real_options(berth, verb):
    return options(OPENS_LINE, printed(berth, verb, "--help").splitlines())


def real_verbs(berth):
    lines = printed(berth, "--help").splitlines()
    return {m[1] for line in lines if (m := OPENS_VERB.match(line))}


def completed(completion, *words):
    offered = printed("bash", "--norc", "-c", ASK, "bash", completion, "berth", *words)
    return set(offered.split()) - {"--"}


def manual_options(text):
    return options(OPENS_PARAGRAPH, text.splitlines())


def readme_options(text):
    block = text.partition("berth run [options]")[2].partition("```")[0]
    return options(OPENS_LINE, block.splitlines())


def report(where, told, real):
    for option in sorted(real - told):
        print(f"{where}: {option} does not stand there")
    for option in sorted(told - real):
        print(f"{where}: there is no {option}")
    return told != real


def report_completion(completion, berth, verbs):
    """@verbs: the options of each"""
    wrong = report(completion, completed(completion, "help", ""), real_verbs(berth))
    wrong |= report(completion, completed(completion, "") & set(verbs), set(verbs))
    for verb, real in verbs.items():
        wrong |= report(f"{completion}: {verb}", completed(completion, verb, "-"), real)
    return wrong


def main(berth, manual, readme, completion):
    verbs = {verb: real_options(berth, verb) for verb in real_verbs(berth)}
    wrong = report(
        manual, manual_options(pathlib.Path(manual).read_text()), set().union(*verbs.values())
    )
    wrong |= report(
        readme,
        readme_options(pathlib.Path(readme).read_text()),
        verbs["run"] - {"-h", "--help"},
    )
    return wrong | report_completion(completion, berth, verbs)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
