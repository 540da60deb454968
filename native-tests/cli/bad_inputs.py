#!/usr/bin/env python3
"""Gives every verb that reads a file what is no report: each time status 3, one line on standard
error, nothing on standard output.

  bad_inputs.py COMMAND REPORT
"""

import json
import os
import re
import subprocess
import sys
import tempfile

COMMAND = os.path.abspath(sys.argv[1])
GOOD = os.path.abspath(sys.argv[2])
LOG = os.path.join(os.path.dirname(GOOD), "dump.log")

# The words of each verb that reads files; BAD is what is wrong, GOOD a report, LOG one of criu's, OUT a file that must
# not come into being.
WORDS = {
    "show": [["show", "BAD"], ["show", "--all", "BAD"]],
    "html": [["html", "-o", "OUT", "BAD"]],
    "convert": [["convert", "--to", "collapsed", "BAD", "-o", "OUT"],
                ["convert", "--to", "speedscope", "BAD"]],
    "policies": [["policies", "BAD"], ["policies", "BAD", "-o", "OUT"]],
    "explain": [["explain", "--criu-log", "LOG", "BAD"], ["explain", "--criu-log", "BAD", "GOOD"]],
    "check": [["check", "BAD"], ["check", "--format", "sarif", "-o", "OUT", "BAD"],
              ["check", "--rules", "BAD", "GOOD"], ["check", "--baseline", "BAD", "GOOD"]],
    "diff": [["diff", "BAD", "GOOD"], ["diff", "GOOD", "BAD"]],
}

# Verbs that read no report.
OTHERS = {"attach", "completion", "doctor", "dump", "man", "schema"}


def large(path, prefix, size):
    """A file that begins with `prefix` and has `size` bytes, the rest of them zeros on no disk."""
    with open(path, "wb") as file:
        file.write(prefix)
        file.truncate(size)


def make_inputs(folder):
    with open(GOOD, encoding="utf-8") as file:
        text = file.read()
    report = json.loads(text)

    def changed(**changes):
        return json.dumps(report | changes)

    first = next(iter(report))
    depth = 100000
    texts = {
        "empty": "",
        "blank": " \n\n",
        "truncated": text[: len(text) // 2],
        "truncated-at-the-end": text.rstrip()[:-1],
        "trailing": text + "}",
        "array": "[]",
        "other-json": '{"hello": "world"}',
        "html": "<!DOCTYPE html><p>404",
        "nan": changed(extra=float("nan")),
        "infinity": changed(extra=float("inf")),
        "duplicate": text.replace("{", '{"%s": {},' % first, 1),
        "newer": changed(schemaVersion="2.0"),
        "version-is-a-number": changed(schemaVersion=1.0),
        "deep-arrays": '{"schemaVersion":"1.0","a":' + "[" * depth + "]" * depth + "}",
        "deep-objects": '{"a":' * depth + "1" + "}" * depth,
        "deep-and-open": '{"a":' + "[" * depth,
        "descriptors-null": changed(descriptors=None),
        "huge-number": changed(descriptors=[{"fd": 10**400}]),
        "no-descriptors": json.dumps({k: v for k, v in report.items() if k != "descriptors"}),
    }
    paths = {}
    for name, content in texts.items():
        paths[name] = os.path.join(folder, name)
        with open(paths[name], "w", encoding="utf-8") as file:
            file.write(content)
    binaries = {"binary": os.urandom(4096), "elf": open("/bin/true", "rb").read(),
                "latin-1": text.replace("java", "caf\u00e9").encode("latin-1"),
                "utf-16": text.encode("utf-16"), "zero": bytes(1000)}
    for name, content in binaries.items():
        paths[name] = os.path.join(folder, name)
        with open(paths[name], "wb") as file:
            file.write(content)
    paths["missing"] = os.path.join(folder, "nowhere.json")
    paths["directory"] = folder
    paths["null-device"] = "/dev/null"
    paths["one-gigabyte"] = os.path.join(folder, "large")
    large(paths["one-gigabyte"], b"", 1 << 30)
    return paths


def problem_of(words):
    done = subprocess.run([COMMAND, *words], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=120, check=False)
    error = done.stderr.decode("utf-8", "replace")
    if done.returncode == 3 and not done.stdout and re.fullmatch("fdorigin: [^\n]+\n", error):
        return None
    return f"status {done.returncode}, printed {done.stdout[:200]!r}, said {error[:500]!r}"


def main():
    problems = []
    help_text = subprocess.run([COMMAND, "--help"], capture_output=True, text=True, timeout=60,
                               check=True).stdout
    verbs = set(re.findall("^  ([a-z]+) {4}", help_text.split("Subcommands:")[1], re.M))
    if verbs != set(WORDS) | OTHERS:
        problems.append(f"the verbs are {sorted(verbs)}; this test knows others")
    runs = 0
    with tempfile.TemporaryDirectory() as folder:
        inputs = make_inputs(folder)
        out = os.path.join(folder, "out")
        for command_lines in WORDS.values():
            for line in command_lines:
                for name, path in inputs.items():
                    named = {"BAD": path, "GOOD": GOOD, "LOG": LOG, "OUT": out}
                    problem = problem_of([named.get(word, word) for word in line])
                    runs += 1
                    if problem:
                        problems.append(f"{' '.join(line)} of '{name}': {problem}")
                    if os.path.exists(out):
                        problems.append(f"{' '.join(line)} of '{name}': wrote a file")
                        os.remove(out)
        # Something that must be read to its end before it can be refused.
        path = os.path.join(folder, "large")
        large(path, b'{"schemaVersion": "1.0", "x": "' + b"a" * 65536, 1 << 30)
        problem = problem_of(["show", path])
        if problem:
            problems.append(f"show of a gigabyte that begins well: {problem}")
    if problems:
        sys.exit("\n".join(problems))
    print(f"{runs + 1} refusals are as they should be")


if __name__ == "__main__":
    main()
