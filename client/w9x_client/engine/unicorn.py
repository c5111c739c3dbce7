"""The Unicorn engine: one `Uc` per process, guest threads as saved contexts that take turns.

The guest runs flat at CPL 3 under PAE page tables (`paging`), with a GDT for the flat segments and an LDT for the
TIBs (and, later, 16-bit code). All events arrive in one interrupt hook:

* ``int 80h`` at the API gate: the export's number is in EAX, its return address at ESP.
* ``int 81h`` at the callback-return gate.
* everything else is a processor exception or the guest's own ``int n``.

The hook never raises into C: an exception is kept, the run stopped, and `run` raises it.

Guest ``lock`` prefixes are not atomic against other processes (`docs/design/engines.md`); inside one process only one
guest thread runs at a time, and switches happen between translation blocks.
"""

from __future__ import annotations

import ctypes
import struct
from collections import deque
from typing import Any

import unicorn
from unicorn import x86_const as x86
from unicorn.unicorn_py3.unicorn import uclib

from w9x_arena import layout
from w9x_arena.layout import PAGE, PROT_EXEC, PROT_GUARD, PROT_READ

from . import paging, unicorn_state
from .cpuid import cpuid
from .interface import Entry, EventHandler, Fault
from .space import AddressSpace
from .unicorn_state import CR2, EIP, ERROR_CODE, GPRS, IS_INTERRUPT, OLD_EXCEPTION
from .x87 import double_to_extended, extended_to_double

API_INT, RETURN_INT = 0x80, 0x81
_API_EIP = layout.GATE_API + 2
_RETURN_EIP = layout.GATE_CALLBACK_RETURN + 2
_NEVER = 0xFFFF_FFF0
"""An address no guest can execute: the end Unicorn is told to run to."""

_KERNEL_CODE, _KERNEL_DATA, USER_CODE, USER_DATA, _LDT_SELECTOR = 0x08, 0x10, 0x1B, 0x23, 0x28
_GDT = paging.DESCRIPTORS
_LDT = paging.DESCRIPTORS + 0x1_0000
_BOOT_STACK = paging.DESCRIPTORS + 0x1000
_BOOT_CODE = paging.DESCRIPTORS + 0x2000
_FIRST_TIB_DESCRIPTOR = 0x10
_LDT_ENTRIES = 8192
_VM_FLAG = 0x2_0000

_CARRIED = (
    *GPRS, x86.UC_X86_REG_EIP, x86.UC_X86_REG_EFLAGS, x86.UC_X86_REG_FS, x86.UC_X86_REG_FPCW, x86.UC_X86_REG_FPSW,
    x86.UC_X86_REG_FPTAG, x86.UC_X86_REG_MXCSR, *range(x86.UC_X86_REG_FP0, x86.UC_X86_REG_FP7 + 1),
    *range(x86.UC_X86_REG_XMM0, x86.UC_X86_REG_XMM7 + 1),
)  # fmt: skip
"""What makes up a thread in ring 3, as the public interface names it."""

_IntrHook = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p)
_InvalidHook = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_void_p)
_CpuidHook = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


def descriptor(base: int, limit: int, access: int, flags: int) -> bytes:
    """An 8-byte segment descriptor: ``access`` = P DPL S type, ``flags`` = G(8) D(4) AVL(1).

    ``limit`` counts bytes, or pages where G is set.
    """
    return struct.pack(
        "<HHBBBB", limit & 0xFFFF, base & 0xFFFF, base >> 16 & 0xFF, access,
        (limit >> 16 & 0xF) | flags << 4, base >> 24 & 0xFF,
    )  # fmt: skip


class _Register:
    """One general register of a `_Cpu`."""

    def __init__(self, index: int) -> None:
        self._index = index

    def __get__(self, cpu: _Cpu, owner: type[_Cpu]) -> int:
        if cpu.state is not None:
            return cpu.state[2 * self._index]
        return int(cpu.uc.reg_read(GPRS[self._index]))

    def __set__(self, cpu: _Cpu, value: int) -> None:
        if cpu.state is not None:
            cpu.state[2 * self._index] = value & 0xFFFFFFFF
        else:
            cpu.uc.reg_write(GPRS[self._index], value & 0xFFFFFFFF)


class _Cpu:
    """`abi.cpu.Cpu` over the CPU state, or over the public accessors where the state was not found."""

    def __init__(self, uc: Any, state: memoryview | None) -> None:
        self.uc = uc
        self.state = state

    eax, ecx, edx, ebx = _Register(0), _Register(1), _Register(2), _Register(3)
    esp, ebp, esi, edi = _Register(4), _Register(5), _Register(6), _Register(7)

    @property
    def eip(self) -> int:
        return self.state[EIP] if self.state is not None else int(self.uc.reg_read(x86.UC_X86_REG_EIP))

    @eip.setter
    def eip(self, value: int) -> None:
        if self.state is not None:
            self.state[EIP] = value & 0xFFFFFFFF
        else:
            self.uc.reg_write(x86.UC_X86_REG_EIP, value & 0xFFFFFFFF)

    @property
    def eflags(self) -> int:
        return int(self.uc.reg_read(x86.UC_X86_REG_EFLAGS))

    @eflags.setter
    def eflags(self, value: int) -> None:
        # only the flags a ring-3 program may change: CF PF AF ZF SF TF DF OF NT AC ID
        self.uc.reg_write(x86.UC_X86_REG_EFLAGS, (value & 0x0024_4DD5) | 0x202)

    def selectors(self) -> tuple[int, int, int, int, int, int]:
        read = self.uc.reg_read
        return (
            read(x86.UC_X86_REG_CS), read(x86.UC_X86_REG_SS), read(x86.UC_X86_REG_DS),
            read(x86.UC_X86_REG_ES), read(x86.UC_X86_REG_FS), read(x86.UC_X86_REG_GS),
        )  # fmt: skip

    @property
    def fpu_control(self) -> int:
        return int(self.uc.reg_read(x86.UC_X86_REG_FPCW))

    @fpu_control.setter
    def fpu_control(self, value: int) -> None:
        self.uc.reg_write(x86.UC_X86_REG_FPCW, value & 0xFFFF)

    @property
    def fpu_status(self) -> int:
        return int(self.uc.reg_read(x86.UC_X86_REG_FPSW))

    @fpu_status.setter
    def fpu_status(self, value: int) -> None:
        self.uc.reg_write(x86.UC_X86_REG_FPSW, value & 0xFFFF)

    def _physical(self, depth: int) -> int:
        return int(x86.UC_X86_REG_FP0) + ((self.fpu_status >> 11) + depth & 7)

    def fpu_top(self, depth: int = 0) -> float:
        mantissa, exponent = self.uc.reg_read(self._physical(depth))
        return extended_to_double(mantissa, exponent)

    def fpu_pop(self) -> float:
        value = self.fpu_top()
        status = self.fpu_status
        top = status >> 11 & 7
        tags = self.uc.reg_read(x86.UC_X86_REG_FPTAG) | 3 << 2 * top
        self.uc.reg_write(x86.UC_X86_REG_FPTAG, tags)
        self.fpu_status = (status & ~0x3800) | ((top + 1 & 7) << 11)
        return value

    def fpu_push(self, value: float) -> None:
        status = self.fpu_status
        top = (status >> 11) - 1 & 7
        self.fpu_status = (status & ~0x3800) | top << 11
        tags = self.uc.reg_read(x86.UC_X86_REG_FPTAG) & ~(3 << 2 * top)
        self.uc.reg_write(x86.UC_X86_REG_FPTAG, tags)
        self.uc.reg_write(int(x86.UC_X86_REG_FP0) + top, double_to_extended(value))

    def fpu_state(self) -> bytes:
        read = self.uc.reg_read
        head = struct.pack(
            "<7I", 0xFFFF0000 | self.fpu_control, 0xFFFF0000 | self.fpu_status,
            0xFFFF0000 | int(read(x86.UC_X86_REG_FPTAG)), 0, 0, 0, 0xFFFF0000,
        )  # fmt: skip
        registers = []
        for depth in range(8):
            mantissa, exponent = read(self._physical(depth))
            registers.append(struct.pack("<QH", mantissa, exponent))
        return head + b"".join(registers)

    def set_fpu_state(self, state: bytes) -> None:
        control, status, tags = struct.unpack_from("<3I", state)
        self.fpu_control = control
        self.fpu_status = status
        self.uc.reg_write(x86.UC_X86_REG_FPTAG, tags & 0xFFFF)
        for depth in range(8):
            self.uc.reg_write(self._physical(depth), struct.unpack_from("<QH", state, 28 + 10 * depth))


class ThreadState:
    """A guest thread's registers while another thread runs."""

    __slots__ = ("context", "descriptor_index", "tib")

    def __init__(self, context: Any, descriptor_index: int, tib: int) -> None:
        self.context, self.descriptor_index, self.tib = context, descriptor_index, tib


class UnicornEngine:
    """`Engine` over Unicorn (see `interface` for the contract)."""

    name = "unicorn"
    separate = False
    intercepts_cpuid = True

    def __init__(self, space: AddressSpace) -> None:
        self._space = space
        self._ram = space.mem.ram
        self.fast_entries: dict[int, Entry] = {}
        self.recent_calls: deque[int] = deque(maxlen=16)
        self._handler: EventHandler | None = None
        self._error: BaseException | None = None
        self._system_call_at: int | None = None
        """Where the guest has just executed an instruction that is to fault."""
        self._stopping = False
        self._task: Any = None
        self._loaded: ThreadState | None = None
        """Whose registers are in the processor; saved when another thread's take their place."""
        self._free_descriptors: list[int] = []
        self._next_descriptor = _FIRST_TIB_DESCRIPTOR
        self._tables = paging.PageTables(self._ram)
        self.uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_32)
        half = layout.PRIVATE_END // 2  # one region of 4 GB is accepted and then never found
        for start in (0, half):
            self.uc.mem_map_ptr(start, half, unicorn.UC_PROT_ALL, space.host + start)
        self._handle = self.uc._uch
        state = unicorn_state.locate(self.uc)
        self._tuner: unicorn_state.TlbTuner | None = None
        self._start_ring3(state)
        self.cpu = _Cpu(self.uc, state)
        self.exact_stop = unicorn_state.make_stop_exact(self.uc, uclib)
        self._install_hooks(state)
        self._base_context = self.uc.context_save()
        space.attach_engine(self)
        gate = b"\xcd\x80\xc3".ljust(16, b"\xcc") + b"\xcd\x81".ljust(16, b"\xcc")
        self._ram[layout.GATE : layout.GATE + len(gate)] = gate
        space.map_private(layout.GATE, PAGE, PROT_READ | PROT_EXEC)

    # --- set-up -------------------------------------------------------------------
    def _start_ring3(self, state: memoryview | None) -> None:
        """Turn paging on and leave ring 0 through an ``iretd``, the only way there is."""
        ram, uc = self._ram, self.uc
        gdt = (
            bytes(8) + descriptor(0, 0xFFFFF, 0x9B, 0xC) + descriptor(0, 0xFFFFF, 0x93, 0xC)
            + descriptor(0, 0xFFFFF, 0xFB, 0xC) + descriptor(0, 0xFFFFF, 0xF3, 0xC) + descriptor(_LDT, 0xFFFF, 0x82, 0)
        )  # fmt: skip
        ram[_GDT : _GDT + len(gdt)] = gdt
        uc.reg_write(x86.UC_X86_REG_GDTR, (0, _GDT, len(gdt) - 1, 0))
        uc.reg_write(x86.UC_X86_REG_LDTR, (_LDT_SELECTOR, _LDT, 0xFFFF, 0x8200))
        uc.reg_write(x86.UC_X86_REG_CS, _KERNEL_CODE)
        uc.reg_write(x86.UC_X86_REG_SS, _KERNEL_DATA)
        uc.reg_write(x86.UC_X86_REG_CR4, uc.reg_read(x86.UC_X86_REG_CR4) | 0x20 | 0x600)  # PAE, OSFXSR, OSXMMEXCPT
        uc.msr_write(0xC0000080, uc.msr_read(0xC0000080) | 0x800)  # EFER.NXE
        uc.reg_write(x86.UC_X86_REG_CR3, paging.PDPT)
        uc.reg_write(x86.UC_X86_REG_CR0, uc.reg_read(x86.UC_X86_REG_CR0) | 0x8001_0023)  # PG WP NE MP PE
        ram[_BOOT_CODE] = 0xCF  # iretd
        frame = struct.pack("<5I", _BOOT_CODE + 1, USER_CODE, 0x202, _BOOT_STACK, USER_DATA)
        ram[_BOOT_STACK : _BOOT_STACK + len(frame)] = frame
        uc.reg_write(x86.UC_X86_REG_ESP, _BOOT_STACK)
        with self._tables.user_page(_BOOT_CODE):  # the end address is fetched before it is compared
            uc.emu_start(_BOOT_CODE, _BOOT_CODE + 1)
        if state is not None:
            self._tuner = unicorn_state.TlbTuner.make(state, self._flush_translations)
        self._flush_translations()
        for register in (x86.UC_X86_REG_DS, x86.UC_X86_REG_ES):
            uc.reg_write(register, USER_DATA)
        uc.reg_write(x86.UC_X86_REG_GS, 0)
        uc.reg_write(x86.UC_X86_REG_FPCW, 0x027F)  # Windows: double precision, all exceptions masked
        uc.reg_write(x86.UC_X86_REG_EFLAGS, 0x202)

    def _install_hooks(self, state: memoryview | None) -> None:
        interrupt = _IntrHook(self._make_fast_hook(state) if state is not None else self._public_hook)
        invalid = _InvalidHook(self._invalid_hook)
        cpuid = _CpuidHook(self._cpuid_hook)
        system_call = _InvalidHook(self._system_call_hook)
        self._callbacks = (interrupt, invalid, cpuid, system_call)
        for kind, callback, extra in (
            (unicorn.UC_HOOK_INTR, interrupt, ()),
            (unicorn.UC_HOOK_INSN_INVALID, invalid, ()),
            (unicorn.UC_HOOK_INSN, cpuid, (ctypes.c_int(x86.UC_X86_INS_CPUID),)),
            (unicorn.UC_HOOK_INSN, system_call, (ctypes.c_int(x86.UC_X86_INS_SYSCALL),)),
            (unicorn.UC_HOOK_INSN, system_call, (ctypes.c_int(x86.UC_X86_INS_SYSENTER),)),
        ):
            handle = ctypes.c_size_t()
            status = uclib.uc_hook_add(
                self._handle, ctypes.byref(handle), kind, ctypes.cast(callback, ctypes.c_void_p), None,
                ctypes.c_uint64(1), ctypes.c_uint64(0), *extra,
            )  # fmt: skip
            if status:
                raise unicorn.UcError(status)

    # --- events -------------------------------------------------------------------
    def _make_fast_hook(self, state: memoryview) -> Any:
        """The interrupt hook over the CPU state view; a closure, because this is the path of every API call."""
        fast = self.fast_entries
        engine = self
        recent = self.recent_calls

        def hook(handle: int, number: int, user: int) -> None:
            if number == API_INT and state[EIP] == _API_EIP:
                number = state[0]
                recent.append(number)
                entry = fast.get(number)
                try:
                    if entry is not None:
                        state[0] = entry(engine._task, state[8])
                    else:
                        engine._handler.api_call(number)  # type: ignore[union-attr]  # set while running
                except BaseException as error:  # noqa: BLE001  # nothing may be raised into C; `run` raises it
                    engine._entry_failed(error)
                return
            engine._slow_event(number, state)

        return hook

    def _public_hook(self, handle: int, number: int, user: int) -> None:
        cpu = self.cpu
        if number == API_INT and cpu.eip == _API_EIP:
            export = cpu.eax
            self.recent_calls.append(export)
            entry = self.fast_entries.get(export)
            try:
                if entry is not None:
                    cpu.eax = entry(self._task, cpu.esp)
                else:
                    self._handler.api_call(export)  # type: ignore[union-attr]  # set while running
            except BaseException as error:  # noqa: BLE001  # nothing may be raised into C; `run` raises it
                self._entry_failed(error)
            return
        self._slow_event(number, None)

    def _slow_event(self, number: int, state: memoryview | None) -> None:
        handler, cpu = self._handler, self.cpu
        assert handler is not None
        try:
            if number == RETURN_INT and cpu.eip == _RETURN_EIP:
                handler.callback_return()
                return
            if state is not None:
                interrupt = bool(state[IS_INTERRUPT])
                error = 0 if interrupt else state[ERROR_CODE]
                address = state[CR2] if number == 14 and not interrupt else 0
                state[OLD_EXCEPTION] = 0xFFFFFFFF
            else:
                number, interrupt, error, address = self._guess_event(number)
            if interrupt:
                size = 1 if number in (3, 4) and self._ram[cpu.eip - 1] in (0xCC, 0xCE) else 2
                cpu.eip = cpu.eip - size
            if number == 14 and not interrupt and self._resolve_page(address, error):
                if state is None:
                    uclib.uc_emu_stop(self._handle)
                return
            self._flatten_segments()
            handler.fault(Fault(number, error, address, interrupt))
            if state is None:
                uclib.uc_emu_stop(self._handle)  # `run` makes Unicorn forget the fault and goes on
        except BaseException as problem:  # noqa: BLE001  # nothing may be raised into C; `run` raises it
            self._event_failed(problem)

    def _guess_event(self, number: int) -> tuple[int, bool, int, int]:
        """(vector, interrupt, error code, address) without the CPU state, as well as the public interface lets us know.

        Unicorn reports every fault after the first as a double fault (8) there, and gives no error code; both are
        inferred.
        """
        address = int(self.uc.reg_read(x86.UC_X86_REG_CR2))
        bits = self._space.prot[address >> 12]
        if number == 8:
            eip = self.cpu.eip
            if address == eip or not bits & layout.PROT_WRITE or bits & layout.PROT_GUARD:
                number = 14
            else:
                number = 0 if self._ram[eip] in (0xF6, 0xF7) else 13
        if number != 14:
            return number, number in (3, 4) or number >= 32, 0, 0
        if address == self.cpu.eip:
            return number, False, 0x10, address
        return number, False, 2 if bits & PROT_READ else 0, address

    def _resolve_page(self, address: int, error: int) -> bool:
        """Whether the page fault was ours to answer: another process's page, a growing stack, code on a data page."""
        page_bits = self._space.prot[address >> 12]
        if error & 0x10:
            return self._space.page_in_exec(address)
        write = bool(error & 2)
        if page_bits & (2 if write else 1) and not page_bits & layout.PROT_GUARD:
            self._flush_translations()  # a stale translation
            return True
        return self._space.page_in(address, write)

    def _flatten_segments(self) -> None:
        """Give back the flat segments and the thread's FS to a program that has loaded others: handlers of exceptions
        begin with them on Windows. It also ends virtual-8086 mode, which QEMU's `iretd` enters from ring 3.
        """
        loaded = self._loaded
        if loaded is None or not isinstance(loaded, ThreadState):
            return
        wanted = (USER_CODE, USER_DATA, USER_DATA, USER_DATA, loaded.descriptor_index * 8 + 7)
        if self.cpu.selectors()[:5] == wanted and not self.cpu.eflags & _VM_FLAG:
            return
        kept = [(register, self.uc.reg_read(register)) for register in _CARRIED]
        self.uc.context_restore(self._base_context)
        for register, value in kept:
            if register == x86.UC_X86_REG_EFLAGS:
                value &= ~_VM_FLAG
            self.uc.reg_write(register, wanted[4] if register == x86.UC_X86_REG_FS else value)

    def _invalid_hook(self, handle: int, user: int) -> bool:
        try:
            assert self._handler is not None
            self._handler.fault(Fault(6, 0, 0))
        except BaseException as problem:  # noqa: BLE001  # nothing may be raised into C; `run` raises it
            self._event_failed(problem)
        return True

    def _system_call_hook(self, handle: int, user: int) -> None:
        """``syscall`` and ``sysenter``, which do nothing in Unicorn: without their MSRs they fault."""
        self._system_call_at = self.cpu.eip
        uclib.uc_emu_stop(self._handle)

    def _cpuid_hook(self, handle: int, user: int) -> int:
        cpu = self.cpu
        cpu.eax, cpu.ebx, cpu.ecx, cpu.edx = cpuid(cpu.eax)
        return 1

    def _entry_failed(self, error: BaseException) -> None:
        try:
            self._handler.entry_failed(error)  # type: ignore[union-attr]  # set while running
        except BaseException as problem:  # noqa: BLE001  # nothing may be raised into C; `run` raises it
            self._event_failed(problem)

    def _event_failed(self, error: BaseException) -> None:
        if self._error is None:
            self._error = error
        self.stop()

    def _flush_translations(self) -> None:
        """Drop the emulated TLB (1.1 µs); translated code stays."""
        self.uc.ctl(unicorn.UC_CTL_TLB_FLUSH, unicorn.UC_CTL_IO_WRITE)

    # --- PageListener -----------------------------------------------------------------
    def set_pages(self, first: int, count: int, bits: int) -> None:
        if self._tables.set(first, count, bits):
            self._flush_translations()
        if bits & PROT_EXEC and not bits & PROT_GUARD:
            # Another image may have stood here: its translations outlive its pages. Only now, since Unicorn looks the
            # range up through the page tables.
            self.uc.ctl_remove_cache(first << 12, (first + count) << 12)

    def map_backing(self, address: int, size: int, fd: int, offset: int) -> None:
        """Nothing to do: Unicorn reads the client's own mapping."""

    def code_written(self, address: int, size: int) -> None:
        self.uc.ctl_remove_cache(address, address + size)

    # --- threads ----------------------------------------------------------------------
    def create_thread(self, tib: int, stack_pointer: int) -> ThreadState:
        index = self._free_descriptors.pop() if self._free_descriptors else self._next_descriptor
        if index == self._next_descriptor:
            self._next_descriptor += 1
        place = _LDT + index * 8
        self._ram[place : place + 8] = descriptor(tib, 0xFFF, 0xF3, 0x4)
        return ThreadState(None, index, tib)

    def destroy_thread(self, state: ThreadState) -> None:
        self._free_descriptors.append(state.descriptor_index)
        if self._loaded is state:
            self._loaded = None
        state.context = None

    def switch_to(self, task: Any, state: ThreadState) -> None:
        self._task = task
        loaded = self._loaded
        if loaded is state:
            return
        if loaded is not None:
            self.uc.context_update(loaded.context)
        if state.context is None:
            self.uc.context_restore(self._base_context)
            self.uc.reg_write(x86.UC_X86_REG_FS, state.descriptor_index * 8 + 7)
            state.context = self.uc.context_save()
        else:
            self.uc.context_restore(state.context)
        self._loaded = state

    # --- running ----------------------------------------------------------------------
    def needs_pause(self) -> bool:
        return self._tuner is not None and self._tuner.crowded

    def run(self, handler: EventHandler) -> None:
        self._handler = handler
        if self._tuner is not None:
            self._tuner.relieve()
        self._error = None
        self._stopping = False
        while True:
            self._forget_fault()
            status = uclib.uc_emu_start(self._handle, self.cpu.eip, _NEVER, 0, 0)
            self._raise_error()
            if self._system_call_at is not None:
                self.cpu.eip, self._system_call_at = self._system_call_at, None
                handler.fault(Fault(6, 0, 0))
            elif status != unicorn.UC_ERR_OK:
                # an event that Unicorn reports by its result instead of a hook: the instruction faulted
                handler.fault(Fault(6 if status == unicorn.UC_ERR_INSN_INVALID else 13, 0, 0))
            elif self.cpu.state is not None:
                return
            if self._stopping:
                return

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _forget_fault(self) -> None:
        """Make Unicorn forget the last fault (and the fetch fault that a stop leaves): the next would count as a
        double fault.

        Through the public interface only a restored context does that, so all registers are carried over.
        """
        state = self.cpu.state
        if state is not None:
            state[OLD_EXCEPTION] = 0xFFFFFFFF
            return
        kept = [(register, self.uc.reg_read(register)) for register in _CARRIED]
        self.uc.context_restore(self._base_context)
        for register, value in kept:
            self.uc.reg_write(register, value)

    def stop(self) -> None:
        self._stopping = True
        uclib.uc_emu_stop(self._handle)

    def close(self) -> None:
        self._handler = None
