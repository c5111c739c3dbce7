"""The memory that the client and its stub process share: offsets, commands and reasons, for both sides.

`tools/build_stub.py` hands every constant here to the compiler (``client/stub``), so a number stands once. The client
reads the mailbox as hostile input: guest code that reaches the 64-bit code segment can write to it.

Turns. A byte through a pipe gives the stub its turn, a byte through another gives it back. Only the one whose turn it
is touches the mailbox, except that the stub's signal handler sets `PENDING`.
"""

from __future__ import annotations

SIZE = 0x2_0000
ABI = 1
"""Changes with every change here or in the meaning of a field: a stub built from other sources is refused."""

# --- the running guest thread's registers (dwords); one that does not run keeps a copy of [0, STATE_END) and FX ---
EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x1C
EIP, CS = 0x20, 0x24
"""Side by side, as the operand of the far jump that enters the guest."""
EFLAGS, SS, DS, ES, FS, GS = 0x28, 0x2C, 0x30, 0x34, 0x38, 0x3C
STATE_END = 0x40

# --- what happened ---------------------------------------------------------------------------------------
REASON, VECTOR, ERROR, ADDRESS = 0x40, 0x44, 0x48, 0x4C
SIGNAL = 0x50
FPU_CHANGED = 0x54
"""The client has written to FX: load it before entering the guest."""
PENDING = 0x58
"""A kick arrived while the guest was not running."""
TRAP = 0x5C
"""The guest was stepping into the gate: its trap flag, to be given back."""
HOST_RSP, EXIT_POINTER = 0x60, 0x68

# --- hand-over ----------------------------------------------------------------------------------------------------
RUN = 0xC0
"""1: enter the guest after the commands; 0: only the commands."""
COMMAND_COUNT, FAILED_COMMAND, ERRNO = 0xC4, 0xC8, 0xCC
STATUS, FEATURES, STUB_ABI = 0xD0, 0xD4, 0xD8

FX = 0x200
"""x87 and SSE registers as FXSAVE writes them, and behind them, with FEATURE_XSAVE, XSAVE's header and the AVX
registers.
"""
FX_SIZE = 0x400
XSAVE_HEADER = 0x200
"""Relative to FX."""
COMMANDS = 0x1000
COMMAND_SIZE = 0x20
COMMAND_LIMIT = (SIZE - COMMANDS) // COMMAND_SIZE

REASON_API, REASON_RETURN, REASON_FAULT, REASON_KICK = 1, 2, 3, 4
REASON_BAD_STATE, REASON_COMMAND, REASON_DONE = 5, 6, 7

# --- commands: eight dwords, the first one says which ----------------------------------------------------
OP_PROTECT = 1
"""address, size, PROT_* of mmap"""
OP_MAP = 2
"""address, size, 0 = private file, 1 = arena file; no access until protected; file offset == address"""
OP_DESCRIPTOR = 3
"""index, base, limit, flags of struct user_desc"""
OP_MAP_FILE = 4
"""address, size, offset low, offset high; the descriptor comes over the socket; no access until protected"""

# --- what the stub found at its start --------------------------------------------------------------------
FEATURE_CPUID_FAULTS, FEATURE_16_BIT, FEATURE_FSGSBASE, FEATURE_XSAVE = 1, 2, 4, 8
STATUS_READY = 1
STATUS_NO_LDT, STATUS_TOO_LOW, STATUS_NO_SECCOMP, STATUS_NO_MEMORY, STATUS_NO_SIGNALS = 2, 3, 4, 5, 6

GATE_API_RESUME, GATE_RETURN_RESUME = 0x07, 0x17
"""EIP behind the far jumps of the two gates, relative to `layout.GATE`."""
GATE_64 = 0x40
GATE_64_END = 0x80
"""The gates' 64-bit halves, relative to `layout.GATE`."""
