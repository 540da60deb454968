"""Runs scripts/demo and looks for the README's samples in what it prints.

Blocks that follow a line <!-- sample: demo --> must stand in the demo's output, line by line and in
order; a line … stands for any lines. Numbers (descriptors, ports, counts) are any numbers, and the
checkout's own path is left out. A README without such a block fails.
"""

import re
import subprocess
import sys


def normalised(line):
    return re.sub(r"\d+", "N", line.strip())


def samples(readme):
    return re.findall(r"<!-- sample: demo -->\n+```\w*\n(.*?)```", readme, re.S)


def stand_in_order(printed, parts):
    start = 0
    for part in parts:
        for at in range(start, len(printed) - len(part) + 1):
            if printed[at : at + len(part)] == part:
                start = at + len(part)
                break
        else:
            return False
    return True


def main():
    root = sys.argv[1]
    with open(f"{root}/README.md", encoding="utf-8") as file:
        blocks = samples(file.read())
    if not blocks:
        sys.exit("README.md has no sample of the demo")
    demo = subprocess.run(
        [f"{root}/scripts/demo"], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    print(demo.stdout, demo.stderr)
    if demo.returncode != 0:
        sys.exit(f"scripts/demo ended with {demo.returncode}")
    printed = [normalised(line.replace(root + "/", "")) for line in demo.stdout.splitlines()]
    for block in blocks:
        parts = [part.splitlines() for part in re.split(r"^…\n", block, flags=re.M)]
        if not stand_in_order(printed, [[normalised(line) for line in part] for part in parts]):
            sys.exit("the demo does not print, as README.md says:\n" + block)
    print(f"{len(blocks)} sample(s) as printed")


main()
