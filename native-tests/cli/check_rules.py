#!/usr/bin/env python3
"""The command takes the rules that docs/rules.schema.json takes, by a validator of JSON Schema, and
refuses the others; the examples of docs/check.md and of examples/ci are among the first.

  check_rules.py COMMAND SOURCE_FOLDER
"""

import copy
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import jsonschema
import yaml

COMMAND = os.path.abspath(sys.argv[1])
SOURCE = pathlib.Path(sys.argv[2]).resolve()
REPORT = SOURCE / "native-tests/cli/golden/bakery.json"

FULL = {
    "version": 1, "check": "all",
    "allow": [{"name": "n", "fd": [0, "3-9", "7"], "kind": ["file", "pipe"], "atMost": 0,
               "path": "/a/**", "address": ["*", "10.0.0.0/8:1-2", "[::1]:*", "::1", "/run/*", "@x"],
               "local": "*:80", "remote": "[2001:db8::/32]", "protocol": "tcp", "state": ["LISTEN"],
               "culprit": "com.**", "module": "*.jar", "call": "open", "attribution": "traced",
               "advice": "jvm", "failure": "**", "fingerprint": "0123456789abcdef"}],
    "forbid": [{"name": "f", "kind": "memfd"}],
    "suppress": [{"kind": "epoll", "reason": "r", "until": "2027-01-31"}],
}


class Loader(yaml.SafeLoader):
    """YAML as the command reads it: a date is text."""


Loader.yaml_implicit_resolvers = {
    key: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else \
        enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, path + (key,))


def changed(path, change):
    document = copy.deepcopy(FULL)
    holder = [document]
    place, key = holder, 0
    for step in path:
        place, key = place[key], step
    change(place, key)
    return holder[0]


def documents():
    yield FULL
    yield {"version": 1}
    for path in places(FULL):
        for value in (None, True, 1, -1, 1.5, 2**40, "", "x", "9-3", [], [None], {},
                      "2027-01-31", "::"):
            def put(place, key, value=value):
                place[key] = value
            yield changed(path, put)

        def drop(place, key):
            del place[key]
        if path:
            yield changed(path, drop)
    for path in places(FULL):
        def add(place, key):
            if isinstance(place[key], dict):
                place[key]["unknown"] = 1
        yield changed(path, add)
    yield {"version": 1, "allow": [{"name": "everything"}]}
    yield {"version": 1, "forbid": [{"name": "n", "kind": "file", "atMost": 1}]}


def takes(path):
    done = subprocess.run([COMMAND, "check", "--rules", str(path), str(REPORT)],
                          capture_output=True, timeout=60, check=False)
    if done.returncode == 3:
        assert done.stderr.count(b"\n") == 1 and not done.stdout, done
    return done.returncode != 3, done.stderr.decode("utf-8")


def main():
    schema = json.loads((SOURCE / "docs/rules.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    problems = []
    seen = set()
    taken = 0
    with tempfile.TemporaryDirectory() as folder:
        for document in documents():
            text = json.dumps(document, indent="\t")
            if text in seen:
                continue
            seen.add(text)
            path = pathlib.Path(folder) / "rules.json"
            path.write_text(text, encoding="utf-8")
            does, why = takes(path)
            taken += does
            # The command also looks at what a schema cannot say: 9-3 is no range, 2027-02-30 no day.
            beyond = "such as" in why
            if does != validator.is_valid(document) and not (beyond and not does):
                problems.append(f"the command {'takes' if does else 'refuses'}, the schema does not: "
                                f"{text}\n{why}")
        examples = [p for p in (SOURCE / "examples/ci").rglob("*rules.yaml")]
        examples.append(SOURCE / "native-tests/cli/golden/rules.yaml")
        for number, block in enumerate(re.findall(
                r"^```yaml\n(version: 1\n.*?)^```", (SOURCE / "docs/check.md").read_text(
                    encoding="utf-8"), re.M | re.S)):
            examples.append(pathlib.Path(folder) / f"check-md-{number}.yaml")
            examples[-1].write_text(block, encoding="utf-8")
        if len(examples) < 3:
            problems.append(f"the examples are only {examples}")
        for path in examples:
            document = yaml.load(path.read_text(encoding="utf-8"), Loader)
            does, why = takes(path)
            if not does or not validator.is_valid(document):
                problems.append(f"{path.name} is refused: {why}"
                                f"{list(validator.iter_errors(document))}")
    if problems:
        sys.exit("\n\n".join(problems[:20]) + f"\n{len(problems)} problems")
    print(f"{len(seen)} documents, {taken} of them rules, and {len(examples)} examples")


if __name__ == "__main__":
    main()
