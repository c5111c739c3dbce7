# Guest routines of KERNEL32: functions that programs call by the million and that never leave the guest.
#
# Each has a Python handler of the same name, its tested reference. A routine lives in its own section, is position-independent, keeps
# EBX ESI EDI EBP, pops its own arguments, and may hand the call over, with the stack as it was at entry, by a jump
# to slow_path: the export's ordinary stub. Offsets come from abi/tib.py and w9x_arena/layout.py as macros.
        .intel_syntax noprefix

.macro routine name
        .section .text.\name, "ax", @progbits
        .globl \name
\name:
.endm

routine GetLastError
        mov     eax, fs:[LAST_ERROR]
        ret

routine SetLastError
        mov     eax, [esp + 4]
        mov     fs:[LAST_ERROR], eax
        ret     4

routine GetCurrentThreadId
        mov     eax, fs:[THREAD_ID]
        ret

routine TlsGetValue
        mov     eax, [esp + 4]
        cmp     eax, TLS_SLOT_COUNT
        jae     slow_path
        mov     ecx, fs:[TLS_ARRAY]
        mov     eax, [ecx + eax * 4]
        mov     dword ptr fs:[LAST_ERROR], 0
        ret     4

routine TlsSetValue
        mov     eax, [esp + 4]
        cmp     eax, TLS_SLOT_COUNT
        jae     slow_path
        mov     ecx, fs:[TLS_ARRAY]
        mov     edx, [esp + 8]
        mov     [ecx + eax * 4], edx
        mov     eax, 1
        ret     8

routine GetTickCount
        mov     eax, ds:[CLOCK_PAGE]
        ret

# CRITICAL_SECTION: +4 LockCount (-1 free), +8 RecursionCount, +12 OwningThread
routine EnterCriticalSection
        mov     ecx, [esp + 4]
        or      eax, -1
        xor     edx, edx
        lock cmpxchg [ecx + 4], edx
        mov     edx, fs:[THREAD_ID]
        jne     1f
        mov     [ecx + 12], edx
        mov     dword ptr [ecx + 8], 1
        ret     4
1:      cmp     [ecx + 12], edx                 # a thread that will wait is counted by the slow path alone: a count
        jne     slow_path                       # that comes and goes here would make Leave wake somebody who is not there
        lock inc dword ptr [ecx + 4]
        inc     dword ptr [ecx + 8]
        ret     4

routine LeaveCriticalSection
        mov     ecx, [esp + 4]
        mov     eax, [ecx + 8]
        cmp     eax, 1
        jg      1f
        jl      slow_path
        mov     edx, [ecx + 12]
        cmp     edx, fs:[THREAD_ID]
        jne     slow_path
        mov     dword ptr [ecx + 8], 0
        mov     dword ptr [ecx + 12], 0
        xor     eax, eax
        push    -1
        pop     edx
        lock cmpxchg [ecx + 4], edx
        jne     2f
        ret     4
1:      dec     eax
        mov     [ecx + 8], eax
        lock dec dword ptr [ecx + 4]
        ret     4
2:      mov     edx, fs:[THREAD_ID]             # somebody waits: the slow path wakes one
        mov     [ecx + 12], edx
        mov     dword ptr [ecx + 8], 1
        jmp     slow_path

routine InterlockedIncrement
        mov     ecx, [esp + 4]
        mov     eax, 1
        lock xadd [ecx], eax
        inc     eax
        ret     4

routine InterlockedDecrement
        mov     ecx, [esp + 4]
        mov     eax, -1
        lock xadd [ecx], eax
        dec     eax
        ret     4

routine InterlockedExchange
        mov     ecx, [esp + 4]
        mov     eax, [esp + 8]
        xchg    [ecx], eax
        ret     8

routine InterlockedCompareExchange
        mov     ecx, [esp + 4]
        mov     edx, [esp + 8]
        mov     eax, [esp + 12]
        lock cmpxchg [ecx], edx
        ret     12

routine InterlockedExchangeAdd
        mov     ecx, [esp + 4]
        mov     eax, [esp + 8]
        lock xadd [ecx], eax
        ret     8

        .section .note.GNU-stack, "", @progbits
