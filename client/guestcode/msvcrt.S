# Guest routines of the C run-time library that the compiler's own conventions shape. Rules: see kernel32.S.
        .intel_syntax noprefix

.macro routine name
        .section .text.\name, "ax", @progbits
        .globl \name
\name:
.endm

# _ftol: ST(0) to a 64-bit integer in EDX:EAX, truncated whatever the rounding mode; keeps ECX
routine _ftol
        push    ebp
        mov     ebp, esp
        sub     esp, 12
        fnstcw  [ebp - 2]
        mov     ax, [ebp - 2]
        or      ah, 0x0c
        mov     [ebp - 4], ax
        fldcw   [ebp - 4]
        fistp   qword ptr [ebp - 12]
        fldcw   [ebp - 2]
        mov     eax, [ebp - 12]
        mov     edx, [ebp - 8]
        leave
        ret

routine memcpy
        push    esi
        push    edi
        mov     edi, [esp + 12]
        mov     esi, [esp + 16]
        mov     ecx, [esp + 20]
        mov     eax, edi
        mov     edx, ecx
        shr     ecx, 2
        rep movsd
        mov     ecx, edx
        and     ecx, 3
        rep movsb
        pop     edi
        pop     esi
        ret

routine memmove
        push    esi
        push    edi
        mov     edi, [esp + 12]
        mov     esi, [esp + 16]
        mov     ecx, [esp + 20]
        mov     eax, edi
        mov     edx, edi
        sub     edx, esi
        cmp     edx, ecx                        # unsigned: below = the target starts inside the source
        jb      1f
        mov     edx, ecx
        shr     ecx, 2
        rep movsd
        mov     ecx, edx
        and     ecx, 3
        rep movsb
        pop     edi
        pop     esi
        ret
1:      std
        lea     esi, [esi + ecx - 1]
        lea     edi, [edi + ecx - 1]
        mov     edx, ecx
        and     ecx, 3
        rep movsb
        sub     esi, 3
        sub     edi, 3
        mov     ecx, edx
        shr     ecx, 2
        rep movsd
        cld
        pop     edi
        pop     esi
        ret

routine memset
        push    edi
        mov     edi, [esp + 8]
        movzx   eax, byte ptr [esp + 12]
        imul    eax, eax, 0x01010101
        mov     ecx, [esp + 16]
        mov     edx, ecx
        shr     ecx, 2
        rep stosd
        mov     ecx, edx
        and     ecx, 3
        rep stosb
        mov     eax, [esp + 8]
        pop     edi
        ret

        .section .note.GNU-stack, "", @progbits
