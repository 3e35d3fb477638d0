"""Packing: many values of one shape as columns, and back, without pickle.

What metrics measure of an image are dataclasses and named tuples of arrays, numbers, texts and more of these.
Many such values are packed field by field: the arrays of a field are joined, so that 128 images take some
dozens of arrays and not thousands. Unpacking makes no object but those of the classes of ``segbench.metrics``
and of Python's own containers, whatever the bytes say.

::

    node = ["plain", [value, ...]]                     None, bool, int, float and str, as JSON
         | ["array", i, j]                             arrays i and j: the shapes [n, ndim], all items joined
         | ["object", "module:class", {field: node}]   dataclasses and named tuples
         | ["list" | "tuple", [length, ...], node]     the items of all, joined
         | ["dict" | "Counter", [length, ...], node of keys, node of values]
         | ["mixed", [which, ...], [node, ...]]        values of several types: which of the nodes has each
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from importlib import import_module
from io import BytesIO
from itertools import accumulate, chain, pairwise
from typing import Any, cast
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile
from zlib import error as ZlibError  # noqa: N812 - an error by name

import numpy as np
from numpy.lib.format import write_array
from numpy.typing import NDArray

from segbench.errors import DataError

Arrays = list[NDArray[Any]]
Node = list[Any]

_HOME = "segbench.metrics."
_PLAIN = (type(None), bool, int, float, str)
_LISTS: Mapping[str, type] = {"list": list, "tuple": tuple}
_DICTS: Mapping[str, type] = {"dict": dict, "Counter": Counter}
_TREE = "tree"
_DAMAGE = (
    BadZipFile, ZlibError, OSError, EOFError, ValueError, LookupError, TypeError, AttributeError,
    ImportError,
    RuntimeError,  # a member that claims to be encrypted, or compressed in a way unknown
)  # fmt: skip


def to_bytes(parts: Mapping[str, Sequence[Any]]) -> bytes:
    """Pack lists of values, by name. The same values give the same bytes.

    Raises
    ------
    TypeError
        When a value is of a type that cannot be packed.
    """
    arrays: Arrays = []
    tree = {name: _pack(values, arrays) for name, values in parts.items()}
    text = json.dumps(tree, separators=(",", ":")).encode()
    named = {str(i): array for i, array in enumerate(arrays)} | {_TREE: np.frombuffer(text, np.uint8)}
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=1) as archive:  # as np.savez, which takes its time
        for name, array in named.items():
            with archive.open(f"{name}.npy", "w") as member:
                write_array(member, array, allow_pickle=False)
    return file.getvalue()


def from_bytes(data: bytes) -> dict[str, list[Any]]:
    """Return what :func:`to_bytes` packed.

    Raises
    ------
    DataError
        When the bytes are cut short, or damaged, or were never packed.
    """
    try:
        with np.load(BytesIO(data), allow_pickle=False) as file:
            arrays = [file[str(i)] for i in range(len(file.files) - 1)]
            tree = json.loads(file[_TREE].tobytes())
        return {name: list(_unpack(node, arrays)) for name, node in tree.items()}
    except _DAMAGE as error:
        raise DataError(f"is cut short or damaged ({error})") from None


def _pack(values: Sequence[Any], arrays: Arrays) -> Node:
    kinds = {_kind(value) for value in values}
    if kinds <= {"plain"}:
        return ["plain", list(values)]
    if len(kinds) > 1:
        return _pack_mixed(values, arrays)
    kind = kinds.pop()
    if kind.startswith("array"):
        return _pack_arrays(values, arrays)
    if kind in _LISTS:
        return [kind, [len(value) for value in values], _pack(list(chain.from_iterable(values)), arrays)]
    if kind in _DICTS:
        keys, items = ([x for value in values for x in part(value)] for part in (dict.keys, dict.values))
        return [kind, [len(value) for value in values], _pack(keys, arrays), _pack(items, arrays)]
    columns = {name: _pack([getattr(v, name) for v in values], arrays) for name in _fields(type(values[0]))}
    return ["object", kind, columns]


def _kind(value: Any) -> str:
    cls = type(value)
    if cls in _PLAIN:
        return "plain"
    if cls is np.ndarray:
        return f"array {value.dtype.str} {value.ndim}"
    if cls.__name__ in _LISTS or cls.__name__ in _DICTS:
        return cls.__name__
    if cls.__module__.startswith(_HOME) and (is_dataclass(cls) or issubclass(cls, tuple)):
        return f"{cls.__module__}:{cls.__qualname__}"
    raise TypeError(f"{cls.__module__}.{cls.__qualname__} cannot be packed")


def _fields(cls: Any) -> tuple[str, ...]:
    return tuple(f.name for f in fields(cls)) if is_dataclass(cls) else cls._fields


def _pack_mixed(values: Sequence[Any], arrays: Arrays) -> Node:
    kinds = [_kind(value) for value in values]
    names = list(dict.fromkeys(kinds))
    groups = ([v for v, kind in zip(values, kinds, strict=True) if kind == name] for name in names)
    return ["mixed", [names.index(kind) for kind in kinds], [_pack(group, arrays) for group in groups]]


def _pack_arrays(values: Sequence[NDArray[Any]], arrays: Arrays) -> Node:
    shapes = np.array([value.shape for value in values], np.int64)
    arrays += [shapes, np.concatenate([value.ravel() for value in values])]
    return ["array", len(arrays) - 2, len(arrays) - 1]


def _unpack(node: Node, arrays: Arrays) -> Iterator[Any]:
    return _UNPACK[node[0]](arrays, *node[1:])


def _unpack_plain(_: Arrays, values: list[Any]) -> Iterator[Any]:
    if any(type(value) not in _PLAIN for value in values):
        raise ValueError("a plain value that is none")
    return iter(values)


def _unpack_arrays(arrays: Arrays, shapes: int, items: int) -> Iterator[NDArray[Any]]:
    ends = [0, *np.cumsum(arrays[shapes].prod(axis=1)).tolist()]
    for shape, (begin, end) in zip(arrays[shapes].tolist(), pairwise(ends), strict=True):
        yield arrays[items][begin:end].reshape(shape)


def _unpack_objects(arrays: Arrays, kind: str, columns: Mapping[str, Node]) -> Iterator[Any]:
    module, _, name = kind.partition(":")
    if not module.startswith(_HOME):
        raise ValueError(f"{kind} is no class of metrics")
    cls = getattr(import_module(module), name)
    if not (isinstance(cls, type) and (is_dataclass(cls) or issubclass(cls, tuple))):
        raise ValueError(f"{kind} is no class of metrics")
    if set(columns) != set(_fields(cls)):
        raise ValueError(f"{kind} has other fields")
    make = cast("Callable[..., Any]", cls)
    rows = zip(*(_unpack(column, arrays) for column in columns.values()), strict=True)
    return (make(**dict(zip(columns, row, strict=True))) for row in rows)


def _unpack_list(arrays: Arrays, lengths: list[int], items: Node) -> Iterator[list[Any]]:
    flat = list(_unpack(items, arrays))
    return (flat[begin:end] for begin, end in pairwise(accumulate(lengths, initial=0)))


def _unpack_tuple(arrays: Arrays, lengths: list[int], items: Node) -> Iterator[tuple[Any, ...]]:
    return map(tuple, _unpack_list(arrays, lengths, items))


def _unpack_dict(arrays: Arrays, lengths: list[int], keys: Node, items: Node) -> Iterator[dict[Any, Any]]:
    pairs = zip(_unpack_list(arrays, lengths, keys), _unpack_list(arrays, lengths, items), strict=True)
    return (dict(zip(*pair, strict=True)) for pair in pairs)


def _unpack_counter(arrays: Arrays, *node: Any) -> Iterator[Counter[Any]]:
    return map(Counter, _unpack_dict(arrays, *node))


def _unpack_mixed(arrays: Arrays, which: list[int], nodes: list[Node]) -> Iterator[Any]:
    groups = [_unpack(node, arrays) for node in nodes]
    return (next(groups[i]) for i in which)


_UNPACK: Mapping[str, Callable[..., Iterator[Any]]] = {
    "plain": _unpack_plain,
    "array": _unpack_arrays,
    "object": _unpack_objects,
    "list": _unpack_list,
    "tuple": _unpack_tuple,
    "dict": _unpack_dict,
    "Counter": _unpack_counter,
    "mixed": _unpack_mixed,
}
