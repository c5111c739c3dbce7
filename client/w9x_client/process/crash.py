"""What the user sees when a program dies of an exception: where, why, registers, and the calls before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import tib

from . import exceptions

if TYPE_CHECKING:
    from .process import Process
    from .task import Task


def place(process: Process, address: int) -> str:
    """An address as MODULE+offset where a module holds it."""
    module = process.modules.by_address(address)
    return f"{module.name}+{address - module.base:X}" if module is not None else f"{address:08X}"


def describe(process: Process, record: exceptions.EXCEPTION_RECORD) -> str:
    """One line: what happened, and where."""
    code = record.ExceptionCode
    name = exceptions.NAMES.get(code, f"exception {code:08X}")
    text = f"{name} at {place(process, record.ExceptionAddress)}"
    if code == exceptions.ACCESS_VIOLATION and record.NumberParameters >= 2:
        kind = {0: "reading", 1: "writing", 8: "executing"}.get(record.ExceptionInformation[0], "touching")
        text += f" {kind} {record.ExceptionInformation[1]:08X}"
    return text


def report(process: Process, task: Task, record_at: int, context_at: int) -> None:
    """Print the crash report of an unhandled exception."""
    mem, warn = process.mem, process.messages.warn
    record = mem.struct(exceptions.EXCEPTION_RECORD, record_at, write=False)
    context = mem.struct(exceptions.CONTEXT, context_at, write=False)
    program = process.modules.exe
    warn(f"{program.name if program else 'program'} ended: {describe(process, record)}")
    warn(
        "  "
        + " ".join(
            f"{name.lower()}={getattr(context, name):08X}" for name in ("Eax", "Ebx", "Ecx", "Edx", "Esi", "Edi")
        )
        + f" ebp={context.Ebp:08X} esp={context.Esp:08X} eip={context.Eip:08X} efl={context.EFlags:08X}"
    )
    calls = [process.modules.system.export_of(number) for number in process.recent_calls]
    names = [f"{dll.removesuffix('.dll')}.{name}" for dll, name in (item for item in calls if item is not None)]
    if names:
        warn(f"  last calls: {' '.join(names)} (last error {mem.u32(task.tib + tib.LAST_ERROR)})")


__all__ = ["describe", "place", "report"]
