/* Into the guest and back. R15 holds the mailbox's address while the guest runs: code in a 32-bit or 16-bit segment
 * cannot touch R8-R15, so it is still there when the guest comes back.
 *
 * Signals may strike at every instruction. What the handler (signals.c) does depends on where:
 *   [enter_begin, enter_end)   the mailbox's registers still hold: give up the entry, the reason says why
 *   [exit_begin, exit_end)     and the gates' 64-bit halves: go on; a kick is remembered as pending
 * The C code in between runs with the guest's FS and FPU state: it uses neither. */
    .intel_syntax noprefix
    .set XSAVE_COMPONENTS, 7            /* x87, SSE, AVX */
    .text
    .globl _start, enter_guest, enter_begin, enter_end, exit_begin, exit_end, guest_exit, signal_exit, restorer
    .hidden enter_guest, enter_begin, enter_end, exit_begin, exit_end, guest_exit, signal_exit, restorer, stub_main, step_frame

_start:
    xor ebp, ebp
    mov rdi, rsp
    and rsp, -16
    call stub_main
    ud2

restorer:
    mov eax, 15                         /* rt_sigreturn */
    syscall
    ud2

enter_guest:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov r15, rdi
    mov [r15 + MB_HOST_RSP], rsp
enter_begin:
    cmp dword ptr [r15 + MB_PENDING], 0
    jne enter_kicked
    cmp dword ptr [r15 + MB_FPU_CHANGED], 0
    je 1f
    test dword ptr [r15 + MB_FEATURES], MB_FEATURE_XSAVE
    jnz 4f
    fxrstor [r15 + MB_FX]
    jmp 5f
4:  mov eax, XSAVE_COMPONENTS
    xor edx, edx
    xrstor [r15 + MB_FX]
5:  mov dword ptr [r15 + MB_FPU_CHANGED], 0
1:  mov ds, [r15 + MB_DS]
    mov es, [r15 + MB_ES]
    mov fs, [r15 + MB_FS]
    mov gs, [r15 + MB_GS]
    test dword ptr [r15 + MB_EFLAGS], 0x100
    jnz 2f
    mov eax, [r15 + MB_EFLAGS]
    push rax
    popfq
    mov ss, [r15 + MB_SS]               /* loaded in 64-bit mode all 32 bits of ESP survive a 16-bit stack segment */
    mov esp, [r15 + MB_ESP]
    mov eax, [r15 + MB_EAX]
    mov ecx, [r15 + MB_ECX]
    mov edx, [r15 + MB_EDX]
    mov ebx, [r15 + MB_EBX]
    mov ebp, [r15 + MB_EBP]
    mov esi, [r15 + MB_ESI]
    mov edi, [r15 + MB_EDI]
    .byte 0x41, 0xff, 0x6f, MB_EIP      /* jmp far m16:32 [r15 + MB_EIP] */
2:  mov rsp, [rip + step_frame]         /* POPF cannot set the trap flag for the guest alone: a sigreturn can */
    mov eax, 15
    syscall
    ud2
enter_kicked:
    mov dword ptr [r15 + MB_PENDING], 0
    mov dword ptr [r15 + MB_REASON], MB_REASON_KICK
    jmp not_entered
enter_end:

exit_begin:
guest_exit:                             /* from a gate: r14d = reason, r13d = where the guest goes on */
    mov [r15 + MB_EAX], eax
    mov [r15 + MB_ECX], ecx
    mov [r15 + MB_EDX], edx
    mov [r15 + MB_EBX], ebx
    mov [r15 + MB_ESP], esp
    mov [r15 + MB_EBP], ebp
    mov [r15 + MB_ESI], esi
    mov [r15 + MB_EDI], edi
    mov eax, ss
    mov [r15 + MB_SS], eax
    mov eax, 0x2b
    mov ss, eax
    mov rsp, [r15 + MB_HOST_RSP]
    pushfq
    pop rax
    test eax, 0x44500                   /* AC, NT, DF or TF: not for the stub's own code */
    jz 3f
    push 0x202
    popfq
3:  or eax, [r15 + MB_TRAP]
    mov dword ptr [r15 + MB_TRAP], 0
    mov [r15 + MB_EFLAGS], eax
    mov [r15 + MB_EIP], r13d
    mov dword ptr [r15 + MB_CS], 0x23
    mov eax, ds
    mov [r15 + MB_DS], eax
    mov eax, es
    mov [r15 + MB_ES], eax
    mov eax, fs
    mov [r15 + MB_FS], eax
    mov eax, gs
    mov [r15 + MB_GS], eax
    mov [r15 + MB_REASON], r14d
signal_exit:                            /* from the handler: RSP and R15 are good, the reason is written */
    cmp dword ptr [r15 + MB_FPU_CHANGED], 0
    jne not_entered                     /* the guest's state is still the one in memory */
    test dword ptr [r15 + MB_FEATURES], MB_FEATURE_XSAVE
    jnz 6f
    fxsave [r15 + MB_FX]
    jmp not_entered
6:  mov eax, XSAVE_COMPONENTS
    xor edx, edx
    xsave [r15 + MB_FX]
not_entered:
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
exit_end:
    ret
    .section .note.GNU-stack, "", @progbits
