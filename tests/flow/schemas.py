"""What `cairn ... --json` prints, held against docs/schema. Stricter than the schemas are for others, who must let new
members pass: here a member that no schema names is a mistake."""
import datetime
import functools
import json
import pathlib

import jsonschema

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "docs/schema"


def closed(node):
    """The same schema, in which no object has members that are not named."""
    if isinstance(node, list):
        return [closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: closed(value) for key, value in node.items()}
    if made.get("type") == "object" and "properties" in made:
        made.setdefault("additionalProperties", False)
    return made


@functools.cache
def load(name):
    return closed(json.loads((FOLDER / f"{name}.json").read_text()))


FORMATS = jsonschema.FormatChecker()


@FORMATS.checks("date-time", ValueError)
def is_time(value):
    datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")
    return True


@functools.cache
def validator(name):
    store = {(FOLDER / f"{path.stem}.json").as_uri(): load(path.stem) for path in FOLDER.glob("*.json")}
    resolver = jsonschema.RefResolver((FOLDER / f"{name}.json").as_uri(), load(name), store=store)
    return jsonschema.Draft202012Validator(load(name), resolver=resolver, format_checker=FORMATS)


def name_of(*words):
    """The schema of a command line: "account-show", "list"."""
    two = "-".join(words[:2])
    return two if (FOLDER / f"{two}.json").exists() else words[0]


def check(text, *words):
    """One JSON value with what its schema says, or the object of a failure."""
    value = json.loads(text)
    failed = isinstance(value, dict) and set(value) == {"error"}
    name = "error" if failed else name_of(*map(str, words))
    wrong = [f"{fault.json_path}: {fault.message[:300]}" for fault in validator(name).iter_errors(value)]
    assert not wrong, f"docs/schema/{name}.json: {wrong}"
    return value
