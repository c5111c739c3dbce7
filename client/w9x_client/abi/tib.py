"""The thread information block: offsets from FS:0.

Offsets below 34h are Windows 95/98's, as Matt Pietrek published them ("Under the Hood", Microsoft Systems
Journal, May 1996; "Windows 95 System Programming Secrets", chapter 3). A process database pointer with its high
bit set is how programs tell 9x from NT. From 34h on the layout is ours: Windows 9x keeps the last error in the
thread database, which programs reach only through GetLastError; NT's TEB has it at 34h, so code compiled to
read it there works too.

One TIB takes one page; the next page of its stride (`layout.TIB_STRIDE`) is the engine's.
"""

SEH = 0x00
"""Head of the structured exception chain; FFFFFFFF = empty."""
STACK_TOP = 0x04
STACK_LIMIT = 0x08
TDB16 = 0x0C
"""Selector of the 16-bit task database (word)."""
THUNK_SS = 0x0E
SELMAN_LIST = 0x10
ARBITRARY = 0x14
"""The program's own (NT_TIB.ArbitraryUserPointer)."""
SELF = 0x18
FLAGS = 0x1C
WIN16_MUTEX_COUNT = 0x1E
DEBUG_CONTEXT = 0x20
CURRENT_PRIORITY = 0x24
MESSAGE_QUEUE = 0x28
TLS_ARRAY = 0x2C
"""Pointer to the dwords that TlsGetValue and the compilers' thread-local variables index."""
PROCESS_DATABASE = 0x30
NT_PROCESS_PARAMETERS = 0x10
"""Offset in the process database of what NT's PEB has there (ProcessParameters)."""
LAST_ERROR = 0x34
THREAD_ID = 0x38

RESULT_HIGH = 0xE00
"""High dword of a 64-bit result, which the export's stub loads into EDX."""
RESULT_FLOAT = 0xE08
"""Double that the export's stub loads into ST(0)."""
ENTRY_EAX = 0xE04
"""EAX at the call, stored by the stubs of exports that receive a value in it."""
TLS_SLOTS = 0xE10
TLS_SLOT_COUNT = 80
"""TlsAlloc slots of Windows 98 (SDK: 80 on Windows 98/ME; 64 are the guaranteed minimum)."""
SIZE = 0x1000

assert TLS_SLOTS + 4 * TLS_SLOT_COUNT <= SIZE
