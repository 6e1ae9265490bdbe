"""What the official library says of Stripe's calls and objects: read from its generated types, nothing is copied."""

import ast
import functools
import pathlib
import re
import typing

import stripe
from stripe._request_options import RequestOptions

ROOT = pathlib.Path(stripe.__file__).parent
OPTIONS = set(RequestOptions.__annotations__)


@functools.cache
def calls():
    """(method, path with {} for its variables) -> (module, class) of the parameters; None where it takes none."""
    found = {}
    for file in sorted(ROOT.rglob("_*_service.py")):
        tree = ast.parse(file.read_text())
        modules = {
            name.asname or name.name: node.module
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stripe.params")
            for name in node.names
        }
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            request = next((call for call in ast.walk(function) if is_request(call)), None)
            if request is None:
                continue
            method, path = request.args[0].value.upper(), path_of(request.args[1])
            name = params_of(function)
            found[method, path] = (modules.get(name), name) if name else None
    return found


def is_request(node):
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "_request"
        and len(node.args) > 1
        and isinstance(node.args[0], ast.Constant)
    )


def path_of(node):
    text = node.func.value.value if isinstance(node, ast.Call) else node.value
    return re.sub(r"\{[^}]*\}", "{}", text)


def params_of(function):
    for argument in function.args.args:
        if argument.arg == "params" and argument.annotation is not None:
            names = re.findall(r"\w+Params\b", ast.unparse(argument.annotation))
            return names[0] if names else None
    return None


@functools.cache
def module(name):
    return __import__(name, fromlist=["*"])


@functools.cache
def fields(owner):
    """Field -> type of a class of parameters, without the options of the request itself."""
    hints = {}
    for base in reversed(owner.__mro__):
        hints.update(getattr(base, "__annotations__", {}))
    scope = vars(module(owner.__module__))
    keep = {name: hint for name, hint in hints.items() if name not in OPTIONS}
    return {name: resolved(hint, scope) for name, hint in keep.items()}


def resolved(hint, scope):
    """The type behind quotes, `NotRequired` and the like."""
    if isinstance(hint, typing.ForwardRef):
        hint = hint.__forward_arg__
    if isinstance(hint, str):
        try:
            return resolved(eval(hint, dict(vars(typing)), dict(scope)), scope)
        except NameError:
            return typing.Any
    if getattr(typing.get_origin(hint), "__name__", "") in ("NotRequired", "Required"):
        return resolved(typing.get_args(hint)[0], scope)
    if str(typing.get_origin(hint)).endswith("NotRequired"):
        return resolved(typing.get_args(hint)[0], scope)
    return hint


def members(hint, scope):
    """The alternatives of a union, flat."""
    hint = resolved(hint, scope)
    origin = typing.get_origin(hint)
    if origin is typing.Union or str(type(hint)) == "<class 'types.UnionType'>":
        return [one for part in typing.get_args(hint) for one in members(part, scope)]
    return [hint]


def literals(alternatives):
    """All words of the literal alternatives."""
    return {
        word
        for one in alternatives
        if typing.get_origin(one) is typing.Literal
        for word in typing.get_args(one)
    }


def problems(value, where=""):
    """Where an object that the library parsed is not what its class promises."""
    if isinstance(value, stripe.ListObject):
        return [p for i, one in enumerate(value.data) for p in problems(one, f"{where}.data[{i}]")]
    if isinstance(value, list):
        return [p for i, one in enumerate(value) for p in problems(one, f"{where}[{i}]")]
    if not isinstance(value, stripe.StripeObject):
        return []
    if "deleted" in value and value["deleted"]:
        # What is left of a deleted object is its name.
        return []
    kind = type(value)
    hints = {} if kind is stripe.StripeObject else getattr(kind, "__annotations__", {})
    scope = {**vars(stripe), **vars(module(kind.__module__))}
    out = []
    for name, hint in hints.items():
        if not name.startswith("_") and "ClassVar" not in str(hint):
            out += field_problems(value, name, members(hint, scope), f"{where}.{name}")
    return out


def field_problems(owner, name, alternatives, where):
    if name not in owner or owner[name] is None:
        return [] if type(None) in alternatives else [f"{where} is missing or null"]
    value = owner[name]
    words = literals(alternatives)
    if words and isinstance(value, str) and value not in words:
        return [f"{where} is `{value}`, which is none of {sorted(map(str, words))}"]
    plain = {one for one in alternatives if one in (bool, int, str, float)}
    others = [one for one in alternatives if one is not type(None) and one not in plain]
    if plain and not others and type(value) not in plain and not (float in plain and type(value) is int):
        return [f"{where} is {value!r}, not one of {[one.__name__ for one in plain]}"]
    return problems(value, where)
