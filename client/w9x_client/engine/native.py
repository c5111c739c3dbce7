"""The native engine: guest code runs on the host's processor, in a stub process of its own.

x86-64 Linux still executes 32-bit (and 16-bit) protected-mode segments. The stub (``client/stub``,
docs/design/native.md) maps the two files behind the guest's memory at host addresses 0–4 GB, enters the guest with a
far jump, and hands every event back through the mailbox. This module starts it, feeds it the address space's changes,
and answers the events.

One stub thread runs all guest threads of the process in turns, as register sets that are exchanged in the mailbox.
The stub and the client never run at the same time, except that `stop` may send it a signal.

Changes of pages and descriptors collect in the mailbox and are done by the stub before it enters the guest.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import mmap
import os
import platform
import re
import signal
import socket
import struct
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Any

from w9x_arena import layout
from w9x_arena.layout import PAGE, PROT_EXEC, PROT_GUARD, PROT_READ, PROT_WRITE

from . import native_mailbox as mb
from .cpuid import cpuid
from .interface import EngineDied, EngineUnavailable, Entry, EventHandler, Fault
from .native_cpu import NativeCpu, initial_state
from .space import AddressSpace

STUB = Path(__file__).with_name("w9x-stub")
_FIRST_TIB_DESCRIPTOR = 0x10
_FIRST_PAGE = layout.NULL_GUARD_END // PAGE
_SYSTEM_CALL_BYTES = (b"\xcd\x80", b"\x0f\x05", b"\x0f\x34")
_START_SECONDS = 10

_EAX, _ESP, _EIP, _REASON = mb.EAX // 4, mb.ESP // 4, mb.EIP // 4, mb.REASON // 4
_COUNT, _RUN, _FPU_CHANGED = mb.COMMAND_COUNT // 4, mb.RUN // 4, mb.FPU_CHANGED // 4

_REASONS = {
    mb.STATUS_NO_LDT: "the kernel does not offer modify_ldt (a container or a hardened kernel)",
    mb.STATUS_TOO_LOW: "the kernel loaded the stub process below 4 GB",
    mb.STATUS_NO_SECCOMP: "the kernel refuses the stub's seccomp filter",
    mb.STATUS_NO_SIGNALS: "the kernel refuses the stub's signal handlers",
}


def _host_protection(bits: int) -> int:
    """PROT_* of mmap for `layout.PROT_*`: what is readable is executable, as on Windows 9x, and what is writable
    readable.
    """
    if not bits & layout.PROT_COMMITTED or bits & PROT_GUARD or not bits & (PROT_READ | PROT_WRITE | PROT_EXEC):
        return 0
    return mmap.PROT_READ | mmap.PROT_EXEC | (mmap.PROT_WRITE if bits & PROT_WRITE else 0)


_PROTECTION = tuple(_host_protection(bits) for bits in range(256))


def _unsuitable() -> str:
    """Why this host cannot even start the stub; '' where it can."""
    if sys.platform != "linux" or platform.machine() != "x86_64" or sys.maxsize < 2**32:
        return f"it needs x86-64 Linux, and this is {platform.machine()} {sys.platform}"
    if not STUB.is_file():
        return "the stub process was not built (it needs a C compiler when w9x is installed)"
    return ""


@functools.cache
def probe() -> tuple[str, int]:
    """(why this host cannot run the engine or '', `native_mailbox.FEATURE_*`); starts the stub once to find out."""
    reason = _unsuitable()
    if reason:
        return reason, 0
    try:
        done = subprocess.run([str(STUB)], stdin=subprocess.DEVNULL, env={}, check=False, timeout=_START_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the stub process does not start: {error}", 0
    code = done.returncode
    if code >= 0x80:
        return "", code & 0x7F
    return _REASONS.get(code, f"the stub process ends with {code}"), 0


def available() -> tuple[bool, str]:
    """Whether the engine can run here, and why not or what it found."""
    reason, features = probe()
    if reason:
        return False, reason
    found = [
        f"16-bit segments {'yes' if features & mb.FEATURE_16_BIT else 'no'}",
        f"fsgsbase {'yes' if features & mb.FEATURE_FSGSBASE else 'no'}",
        f"CPUID {'as a Pentium III' if features & mb.FEATURE_CPUID_FAULTS else 'of the host'}",
    ]
    return True, ", ".join(found)


class ThreadState:
    """A guest thread's registers while another thread runs: the first dwords and the FX area of the mailbox."""

    __slots__ = ("descriptor_index", "saved")

    def __init__(self, saved: bytes, descriptor_index: int) -> None:
        self.saved, self.descriptor_index = saved, descriptor_index


class NativeEngine:
    """`Engine` over a stub process (see `interface` for the contract). `EngineUnavailable` where the host cannot."""

    name = "native"
    separate = True
    exact_stop = True

    def __init__(self, space: AddressSpace) -> None:
        self._space = space
        self._ram = space.mem.ram
        self.fast_entries: dict[int, Entry] = {}
        self.recent_calls: deque[int] = deque(maxlen=16)
        self._task: Any = None
        self._loaded: ThreadState | None = None
        self._free_descriptors: list[int] = []
        self._next_descriptor = _FIRST_TIB_DESCRIPTOR
        self._stopping = False
        self._in_guest = False
        self._retried = (-1, -1)
        self._queued = 0
        """Commands in the mailbox that the stub has not done; counted here, out of the guest's reach."""
        reason = _unsuitable()
        if reason:
            raise EngineUnavailable(f"the native engine cannot run here: {reason}")
        self._start()
        self.cpu = NativeCpu(self._words, self._fx)
        space.attach_engine(self)
        gate = self._gate()
        self._ram[layout.GATE : layout.GATE + len(gate)] = gate
        space.map_private(layout.GATE, PAGE, PROT_READ | PROT_EXEC)

    # --- the stub ---------------------------------------------------------------------
    def _start(self) -> None:
        space = self._space
        mailbox_fd = os.memfd_create("w9x-mailbox", os.MFD_CLOEXEC)
        os.ftruncate(mailbox_fd, mb.SIZE)
        self._mailbox = mmap.mmap(mailbox_fd, mb.SIZE)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        stub_in, self._out = os.pipe2(os.O_CLOEXEC)
        self._in, stub_out = os.pipe2(os.O_CLOEXEC)
        fds = (mailbox_fd, space.private_fd, space.arena_fd, theirs.fileno(), stub_in, stub_out)
        self._words = memoryview(self._mailbox).cast("I")
        self._state = memoryview(self._mailbox)[: mb.STATE_END]
        self._fx = memoryview(self._mailbox)[mb.FX : mb.FX + mb.FX_SIZE]
        self._commands = self._words[mb.COMMANDS // 4 :]
        try:
            self._process = subprocess.Popen(
                [str(STUB), *map(str, (*fds, os.getpid()))], pass_fds=[fd for fd in fds if fd >= 0], env={}, cwd="/",
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as error:
            raise EngineUnavailable(f"the stub process does not start: {error}") from None
        finally:
            theirs.close()
            for fd in (mailbox_fd, stub_in, stub_out):
                os.close(fd)
        self._pidfd = os.pidfd_open(self._process.pid)
        try:
            self._await_turn()
            if self._words[mb.STUB_ABI // 4] != mb.ABI:
                raise EngineUnavailable("the stub process was built from other sources; install w9x again")
            status = self._words[mb.STATUS // 4]
            if status != mb.STATUS_READY:
                raise EngineUnavailable(_REASONS.get(status, f"the stub process reports {status}"))
            self._features = self._words[mb.FEATURES // 4]
            self.intercepts_cpuid = bool(self._features & mb.FEATURE_CPUID_FAULTS)
            self._map_everything()
        except EngineDied as error:
            self.close()
            raise EngineUnavailable(str(error)) from None
        except BaseException:
            self.close()
            raise

    def _map_everything(self) -> None:
        """Map the two files; a file system mounted noexec is found here, not at the first instruction."""
        start = layout.NULL_GUARD_END
        self._command(mb.OP_MAP, start, layout.PRIVATE_END - start, 0)
        probed = [layout.LOW_START]
        if self._space.arena_fd >= 0:
            arena = self._space.arena_start
            self._command(mb.OP_MAP, arena, layout.DLL_END - arena, 1)
            probed.append(arena)
        for address in probed:
            self._command(mb.OP_PROTECT, address, PAGE, mmap.PROT_READ | mmap.PROT_EXEC)
            self._command(mb.OP_PROTECT, address, PAGE, 0)
        self._words[_RUN] = 0
        self._words[_COUNT] = self._queued
        self._hand_over()
        if self._words[_REASON] == mb.REASON_COMMAND:
            code = self._words[mb.ERRNO // 4]
            hint = " (is its file system mounted noexec?)" if code in (errno.EPERM, errno.EACCES) else ""
            raise EngineUnavailable(f"the guest's memory cannot be mapped: {os.strerror(code)}{hint}")
        self._queued = 0

    @staticmethod
    def _gate() -> bytes:
        """Far jumps to 64-bit code that leaves through the mailbox; behind the API's stands the ``ret`` of a plain
        resume.
        """
        code = bytearray(b"\xcc" * mb.GATE_64_END)
        places = (
            (layout.GATE_API, mb.GATE_API_RESUME, mb.REASON_API, mb.GATE_64),
            (layout.GATE_CALLBACK_RETURN, mb.GATE_RETURN_RESUME, mb.REASON_RETURN, mb.GATE_64 + 0x20),
        )
        for address, resume, reason, far in places:
            at = address - layout.GATE
            jump = b"\xea" + struct.pack("<IH", layout.GATE + far, 0x33)
            code[at : at + 8] = jump + (b"\xc3" if reason == mb.REASON_API else b"\xcc")
            # mov r14d, reason; mov r13d, resume; jmp [r15 + EXIT_POINTER]
            leave = struct.pack(
                "<2sI2sI3sI", b"\x41\xbe", reason, b"\x41\xbd", layout.GATE + resume, b"\x41\xff\xa7", mb.EXIT_POINTER
            )
            code[far : far + len(leave)] = leave
        return bytes(code)

    def _await_turn(self) -> None:
        if not os.read(self._in, 1):
            self._died()

    def _died(self) -> None:
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            raise EngineDied("the program has damaged its engine process") from None
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        raise EngineDied(f"the engine process of the program has died ({how})")

    def _hand_over(self) -> None:
        """Give the stub its turn and sleep until it is ours again."""
        try:
            os.write(self._out, b"t")
        except BrokenPipeError:
            self._died()
        try:
            if not os.read(self._in, 1):
                self._died()
        except EngineDied:
            raise
        except BaseException:  # a signal handler of the client's raised: the guest must not go on behind our back
            self._kick()
            self._await_turn()
            raise

    def _kick(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGUSR1)

    # --- commands ---------------------------------------------------------------------
    def _command(self, *values: int) -> None:
        if self._queued >= mb.COMMAND_LIMIT:
            self._flush()
        at = self._queued * (mb.COMMAND_SIZE // 4)
        for index, value in enumerate(values):
            self._commands[at + index] = value
        self._queued += 1

    def _flush(self) -> None:
        """Have the collected commands done without entering the guest."""
        while self._queued:
            self._words[_RUN] = 0
            self._words[_COUNT] = self._queued
            self._hand_over()
            if self._words[_REASON] == mb.REASON_COMMAND:
                self._command_failed()
            else:
                self._queued = 0

    def _command_failed(self) -> None:
        """The stub could not do a command: ask for less, or give up; what follows it remains to be done."""
        count, failed = self._queued, self._words[mb.FAILED_COMMAND // 4]
        if failed >= count:
            raise EngineDied("the program has damaged its engine process (commands)")
        step = mb.COMMAND_SIZE // 4
        at = failed * step
        operation, address, size, protection = self._commands[at : at + 4]
        code = self._words[mb.ERRNO // 4]
        if operation == mb.OP_PROTECT and code in (errno.EACCES, errno.EPERM) and protection & ~mmap.PROT_READ:
            # a view of a read-only file, or of one on a file system without execution
            writable = protection & mmap.PROT_WRITE if protection & mmap.PROT_EXEC else 0
            self._commands[at + 3] = mmap.PROT_READ | writable
        elif operation == mb.OP_PROTECT and code == errno.ENOMEM:
            raise EngineDied("the program's memory is in more pieces than the kernel allows (sysctl vm.max_map_count)")
        else:
            raise EngineDied(f"the engine cannot map {address:08X}+{size:X} ({operation}): {os.strerror(code)}")
        rest = bytes(self._commands[at : count * step].tobytes())
        self._commands[: len(rest) // 4] = memoryview(rest).cast("I")
        self._queued = count - failed

    # --- PageListener -----------------------------------------------------------------
    def set_pages(self, first: int, count: int, bits: int) -> None:
        if first < _FIRST_PAGE:
            count -= _FIRST_PAGE - first
            first = _FIRST_PAGE
            if count <= 0:
                return
        address, size, protection = first * PAGE, count * PAGE, _PROTECTION[bits]
        if self._queued:
            commands, at = self._commands, (self._queued - 1) * (mb.COMMAND_SIZE // 4)
            if (
                commands[at] == mb.OP_PROTECT
                and commands[at + 1] + commands[at + 2] == address
                and commands[at + 3] == protection
            ):
                commands[at + 2] += size
                return
        self._command(mb.OP_PROTECT, address, size, protection)

    def map_backing(self, address: int, size: int, fd: int, offset: int) -> None:
        if fd in (self._space.private_fd, self._space.arena_fd):
            self._command(mb.OP_MAP, address, size, int(fd != self._space.private_fd))
        else:
            socket.send_fds(self._socket, [b"f"], [fd])
            self._command(mb.OP_MAP_FILE, address, size, offset & 0xFFFFFFFF, offset >> 32)
            self._flush()
        first = address // PAGE
        for run in re.finditer(rb"([^\0])\1*", self._space.prot[first : first + size // PAGE]):
            self.set_pages(first + run.start(), run.end() - run.start(), run[0][0])

    def code_written(self, address: int, size: int) -> None:
        """Nothing to forget: the processor sees its own memory."""

    # --- threads ----------------------------------------------------------------------
    def create_thread(self, tib: int, stack_pointer: int) -> ThreadState:
        index = self._free_descriptors.pop() if self._free_descriptors else self._next_descriptor
        if index == self._next_descriptor:
            self._next_descriptor += 1
        self._command(mb.OP_DESCRIPTOR, index, tib, 0xFFF, 0x41)  # 32-bit writable data, useable
        return ThreadState(initial_state(index * 8 + 7), index)

    def destroy_thread(self, state: ThreadState) -> None:
        self._free_descriptors.append(state.descriptor_index)
        if self._loaded is state:
            self._loaded = None

    def switch_to(self, task: Any, state: ThreadState) -> None:
        self._task = task
        loaded = self._loaded
        if loaded is state:
            return
        if loaded is not None:
            loaded.saved = bytes(self._state) + bytes(self._fx)
        self._state[:] = state.saved[: mb.STATE_END]
        self._fx[:] = state.saved[mb.STATE_END :]
        self._words[_FPU_CHANGED] = 1
        self._loaded = state

    # --- running ----------------------------------------------------------------------
    def needs_pause(self) -> bool:
        return False

    def run(self, handler: EventHandler) -> None:
        words, fast, recent, hand_over = self._words, self.fast_entries, self.recent_calls, self._hand_over
        self._stopping = False
        while True:
            self._in_guest = True
            if self._stopping:  # by another thread, which did not see `_in_guest` yet
                self._in_guest = False
                return
            words[_RUN] = 1
            words[_COUNT] = self._queued
            hand_over()
            self._in_guest = False
            reason = words[_REASON]
            if reason != mb.REASON_COMMAND:
                self._queued = 0
            if reason == mb.REASON_API:
                number = words[_EAX]
                recent.append(number)
                entry = fast.get(number)
                if entry is None:
                    handler.api_call(number)
                else:
                    try:
                        words[_EAX] = entry(self._task, words[_ESP])
                    except BaseException as error:  # noqa: BLE001  # entry_failed raises what is not the guest's
                        handler.entry_failed(error)
            elif reason == mb.REASON_RETURN:
                handler.callback_return()
            elif reason == mb.REASON_FAULT or reason == mb.REASON_BAD_STATE:
                self._fault(handler, reason)
            elif reason == mb.REASON_COMMAND:
                self._command_failed()
            elif reason != mb.REASON_KICK:
                raise EngineDied(f"the program has damaged its engine process (event {reason})")
            if self._stop_asked():
                return

    def _stop_asked(self) -> bool:
        """Whether `stop` has been called since the run began, by a handler or by another thread."""
        return self._stopping

    def _fault(self, handler: EventHandler, reason: int) -> None:
        words, ram, eip = self._words, self._ram, self._words[_EIP]
        vector, error, address = words[mb.VECTOR // 4] & 0xFF, words[mb.ERROR // 4], words[mb.ADDRESS // 4]
        number = words[mb.SIGNAL // 4]
        if reason == mb.REASON_BAD_STATE:  # a selector or an address that the processor will not load
            handler.fault(Fault(13, error & 0xFFFF, 0))
            return
        if number == signal.SIGSYS:
            if bytes(ram[max(eip - 2, 0) : eip]) in _SYSTEM_CALL_BYTES:
                words[_EIP] = eip = eip - 2
            is_interrupt = bytes(ram[eip : eip + 2]) == b"\xcd\x80"
            handler.fault(Fault(0x80, 0, 0, True) if is_interrupt else Fault(13, 0, 0))
            return
        if vector == 14:
            if number == signal.SIGBUS or not self._resolve_page(address, error, eip):
                handler.fault(Fault(14, error & 0x1F, address))
            return
        if vector == 13:
            if error & 7 == 2:  # the descriptor table named is the IDT: int n
                handler.fault(Fault(error >> 3 & 0xFF, 0, 0, True))
                return
            if not error and self._features & mb.FEATURE_CPUID_FAULTS and bytes(ram[eip : eip + 2]) == b"\x0f\xa2":
                self.cpu.eax, self.cpu.ebx, self.cpu.ecx, self.cpu.edx = cpuid(words[_EAX])
                words[_EIP] = eip + 2
                return
        interrupt = vector in (3, 4)
        if interrupt:  # traps: EIP stands behind the instruction
            words[_EIP] = eip - (1 if ram[eip - 1] in (0xCC, 0xCE) else 2) & 0xFFFFFFFF
        handler.fault(Fault(vector, error if vector in (10, 11, 12, 13, 17) else 0, 0, interrupt))

    def _resolve_page(self, address: int, error: int, eip: int) -> bool:
        """Whether the page fault was ours to answer: another process's page, a growing stack."""
        bits = self._space.prot[address >> 12]
        write = bool(error & 2)
        if bits & (PROT_WRITE if write else PROT_READ | PROT_EXEC) and not bits & PROT_GUARD:
            # The table says that it is accessible, so the kernel should have let it happen: once more, with the
            # protection set again.
            if self._retried == (address, eip):
                return False
            self._retried = (address, eip)
            self.set_pages(address >> 12, 1, bits)
            return True
        return self._space.page_in(address, write)

    def stop(self) -> None:
        self._stopping = True
        if self._in_guest:
            self._kick()

    def close(self) -> None:
        if self._pidfd < 0:
            return
        self._process.kill()
        self._process.wait()
        self._socket.close()
        for fd in (self._pidfd, self._in, self._out):
            os.close(fd)
        self._pidfd = -1
