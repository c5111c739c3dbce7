"""From a signature to a decoder: one compiled entry per export, made when the export is first called.

An entry is ``entry(t, esp) -> int`` where ESP+0 holds the return address into the export's stub, ESP+4 the caller's,
and the arguments follow at ESP+8. It returns EAX. 64-bit and floating-point results go through the task's TIB slots,
from which the stub loads EDX or ST(0). For an ``async def`` handler the entry returns the coroutine instead (see
`Compiled.is_async`), and ``finish(t, value)`` encodes its result.

The generated source is registered with `linecache`, so that debuggers and tracebacks show it.
"""

from __future__ import annotations

import inspect
import linecache
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from . import types
from .dll import Export
from .errors import WinError
from .types import Arg, Ret

_VOID = Ret("0", kind="none")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an export as the guest passes it."""

    name: str
    arg: Arg
    offset: int
    """Bytes from the first argument."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a declaration says about the calling sequence."""

    parameters: tuple[Parameter, ...]
    ret: Ret
    size: int
    """Bytes of fixed arguments."""
    pops: int
    """Bytes that the export's ``ret`` removes: `size` for stdcall, 0 for cdecl."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """An export ready to be called."""

    export: Export
    entry: Callable[[Any, int], Any]
    is_async: bool
    finish: Callable[[Any, Any], int]
    fail: Callable[[Any, int], int]
    """(task, error code) -> EAX of the failure value."""


_alias_cache: dict[str, Any] = {}


def _resolve(annotation: Any, fn: Callable[..., Any]) -> Any:
    """Evaluate a string annotation in the handler's module; the common aliases are looked up once."""
    if not isinstance(annotation, str):
        return annotation
    found = _alias_cache.get(annotation)
    if found is not None:
        return found
    namespace: dict[str, Any] = fn.__globals__
    if annotation in namespace and namespace[annotation] is getattr(types, annotation, None):
        _alias_cache[annotation] = namespace[annotation]
        return namespace[annotation]
    return eval(annotation, namespace)  # noqa: S307  # our own source


def _meta(annotation: Any, kind: type) -> Any:
    for item in get_args(annotation)[1:]:
        if isinstance(item, kind):
            return item
    return None


def signature(export: Export) -> Signature:
    """The calling sequence of ``export``; raises TypeError where a declaration is incomplete."""
    annotations = export.fn.__annotations__
    parameters: list[Parameter] = []
    offset = 0
    code = export.fn.__code__
    for name in code.co_varnames[1 : code.co_argcount]:
        arg = _meta(_resolve(annotations.get(name), export.fn), Arg)
        if arg is None:
            raise TypeError(f"{export.full_name}: parameter {name} has no API type")
        parameters.append(Parameter(name, arg, offset))
        offset += (struct.calcsize("<" + arg.code) + 3) // 4 * 4
    returned = annotations.get("return", "missing")
    ret = _VOID if returned in (None, "None") else _meta(_resolve(returned, export.fn), Ret)
    if ret is None:
        raise TypeError(f"{export.full_name}: the result has no API type")
    return Signature(tuple(parameters), ret, offset, offset if export.convention == "stdcall" else 0)


_shapes: dict[tuple[Any, ...], Callable[..., Any]] = {}


def _shape(sig: Signature, wide: bool, is_async: bool) -> Callable[..., Any]:
    """The factory of entries for one shape of signature."""
    key = (tuple((id(p.arg), p.offset) for p in sig.parameters), id(sig.ret), wide, is_async)
    factory = _shapes.get(key)
    if factory is not None:
        return factory
    names: list[str] = []
    calls: list[str] = ["t"]
    namespace: dict[str, Any] = {"W": wide}
    for index, parameter in enumerate(sig.parameters):
        decode = parameter.arg.decode
        for extra, value in parameter.arg.names.items():
            unique = f"{extra}_{index}"
            namespace[unique] = value
            decode = decode.replace(f"{extra}(", f"{unique}(").replace(f"{extra},", f"{unique},")
        if parameter.arg.code:
            names.append(f"a{index}")
        calls.append(decode.format(f"a{index}", slot=parameter.offset))
    fmt = "<" + "".join(p.arg.code for p in sig.parameters)
    encode = sig.ret.encode.format("r")
    lines = ["def make(fn, unpack, ram, WinError):", "  def fail(t, code):", "    t.last_error = code"]
    if sig.ret.kind == "edx:eax":
        lines.append(f"    t.result_high({sig.ret.failure >> 32})")
    elif sig.ret.kind == "st0":
        lines.append("    t.result_float(0.0)")
    lines += [f"    return {sig.ret.failure & 0xFFFFFFFF}", "  def finish(t, r):"]
    if sig.ret.kind == "eax":
        lines.append(f"    return {encode}")
    elif sig.ret.kind == "none":
        lines.append("    return 0")
    elif sig.ret.kind == "edx:eax":
        lines += [f"    r = {encode}", "    t.result_high((r >> 32) & 0xffffffff)", "    return r & 0xffffffff"]
    else:
        lines += [f"    t.result_float({encode})", "    return 0"]
    lines.append("  def entry(t, esp):")
    if names:
        lines.append(f"    {', '.join(names)}, = unpack(ram, esp + 8)")
    call = f"fn({', '.join(calls)})"
    if is_async:
        lines.append(f"    return {call}")
    else:
        lines += ["    try:", f"      r = {call}", "    except WinError as e:", "      return fail(t, e.code)"]
        lines.append(f"    return {encode}" if sig.ret.kind == "eax" else "    return finish(t, r)")
    lines.append("  return entry, finish, fail")
    source = "\n".join(lines) + "\n"
    filename = f"<w9x entry {fmt} {len(_shapes)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    exec(compile(source, filename, "exec"), namespace)  # noqa: S102  # generated from declarations
    factory = namespace["make"]
    _shapes[key] = factory
    return factory


def compile_export(export: Export, ram: memoryview) -> Compiled:
    """Build the entry of ``export`` over the guest's memory view ``ram``."""
    sig = signature(export)
    is_async = inspect.iscoroutinefunction(export.fn)
    fmt = struct.Struct("<" + "".join(p.arg.code for p in sig.parameters))
    factory = _shape(sig, export.wide, is_async)
    entry, finish, fail = factory(export.fn, fmt.unpack_from, ram, WinError)
    return Compiled(export, entry, is_async, finish, fail)


__all__ = ["Compiled", "Parameter", "Signature", "compile_export", "signature"]
