"""Compares recorded calls with the parameters and words of the official library of the same API version.

    python check_calls.py FOLDER_OR_FILE…

The files hold one JSON shape a line, or one array of them (what the sandbox answers at /_sandbox/parameters)."""

import json
import pathlib
import sys
import typing
from decimal import Decimal

import stripe
from stripe._api_version import _ApiVersion

import stripe_types as types

PLAIN = {"boolean": {bool}, "integer": {int, float}, "number": {float, int, Decimal}, "text": {str}}


def shapes(path):
    text = path.read_text()
    if text.lstrip().startswith("["):
        return json.loads(text)
    return [json.loads(line) for line in text.splitlines() if line]


def steps(param):
    """`items[][price]` as ['items', '', 'price']."""
    first, *rest = param.replace("]", "").split("[")
    return [first, *rest]


def complaint(shape):
    """What is wrong with a shape, if anything is."""
    call = shape["method"], shape["path"]
    if call not in types.calls():
        return "the official library has no such call"
    if shape["param"] is None:
        return None
    found = types.calls()[call]
    if found is None:
        return "this call takes no parameters"
    module, name = found
    owner = getattr(types.module(module), name)
    return walk(owner, steps(shape["param"]), shape)


def walk(owner, path, shape):
    known = types.fields(owner)
    step, *rest = path
    if step not in known:
        return f"unknown parameter: {owner.__name__} has no `{step}`"
    scope = vars(types.module(owner.__module__))
    return inside(known[step], rest, shape, scope)


def inside(hint, rest, shape, scope):
    alternatives = types.members(hint, scope)
    if rest and rest[0] == "":
        lists = [one for one in alternatives if typing.get_origin(one) is list]
        return inside(typing.get_args(lists[0])[0], rest[1:], shape, scope) if lists else "no list is taken here"
    if rest:
        owners = [one for one in alternatives if isinstance(one, type) and hasattr(one, "__total__")]
        return walk(owners[0], rest, shape) if owners else "nothing is taken inside this parameter"
    return fits(alternatives, shape)


def fits(alternatives, shape):
    kind, value = shape["kind"], shape["value"]
    words = types.literals(alternatives)
    if typing.Any in alternatives:
        return None
    if kind == "unset":
        return None if "" in words else "this parameter cannot be unset"
    if kind == "word":
        # A word where the library has an open text (an id, say) is no choice of Stripe's.
        return None if value in words else f"unknown value `{value}`; known: {sorted(map(str, words))[:20]}"
    if kind == "text" and words and str not in alternatives:
        # A choice of Stripe's that the sandbox takes any text for: event names, API versions.
        return None
    if kind in PLAIN:
        taken = {one for one in alternatives if isinstance(one, type)}
        return None if taken & PLAIN[kind] else f"a parameter of kind {kind} is not taken here: {alternatives}"
    return None


def main(arguments):
    files = [file for name in arguments for file in found(pathlib.Path(name))]
    distinct = {json.dumps(shape, sort_keys=True) for file in files for shape in shapes(file)}
    if not distinct:
        sys.exit("no recorded calls were found")
    wrong = []
    for text in sorted(distinct):
        shape = json.loads(text)
        reason = complaint(shape)
        if reason:
            wrong.append(f"{shape['method']} {shape['path']} {shape['param'] or ''}: {reason}")
    calls = {(json.loads(text)["method"], json.loads(text)["path"]) for text in distinct}
    print(
        f"{len(distinct)} parameters of {len(calls)} calls compared with stripe {stripe.VERSION} "
        f"({_ApiVersion.CURRENT}): {len(wrong)} unknown"
    )
    if wrong:
        sys.exit("\n".join(wrong))


def found(path):
    return sorted(path.glob("*.json*")) if path.is_dir() else [path]


if __name__ == "__main__":
    main(sys.argv[1:])
