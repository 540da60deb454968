"""Looks in report.md for every key and every word of a closed list that report.schema.json has.

One counts as told where it stands there between backticks, by itself. The kernel's own names of states, in capitals,
need not be told. Each key must have a description in the schema, too.
"""

import json
import re
import sys


def keys_and_words(schema, at="$"):
    if isinstance(schema, list):
        for index, part in enumerate(schema):
            yield from keys_and_words(part, f"{at}[{index}]")
    if not isinstance(schema, dict):
        return
    for key, value in schema.get("properties", {}).items():
        yield key, f"{at}.{key}", value
    for word in schema.get("enum", []):
        if not word.isupper():
            yield word, f"{at}.enum", None
    for name, part in schema.items():
        yield from keys_and_words(part, f"{at}.{name}")


def is_described(schema, whole):
    # A bare condition or constant is described where the key is declared.
    if "description" in schema or set(schema) <= {"const"}:
        return True
    reference = schema.get("$ref", "").removeprefix("#/$defs/")
    return "description" in whole["$defs"].get(reference, {})


def main():
    folder = sys.argv[1]
    with open(f"{folder}/report.schema.json", encoding="utf-8") as file:
        schema = json.load(file)
    with open(f"{folder}/report.md", encoding="utf-8") as file:
        told = set(re.findall(r"`([^`\n]+)`", file.read()))
    problems = []
    count = 0
    for word, at, declared in keys_and_words(schema):
        count += 1
        if word not in told:
            problems.append(f"report.md does not tell `{word}` ({at})")
        if declared is not None and not is_described(declared, schema):
            problems.append(f"no description: {at}")
    if count < 100:
        problems.append(f"only {count} keys and words: was the schema read at all?")
    if problems:
        sys.exit("\n".join(problems))
    print(f"{count} keys and words")


main()
