#include "frames.h"
/* Hardware faults become exceptions with the documented codes and parameters, and the handler may change registers. */
static DWORD skip;
char *page;
static DWORD offset;
int run(void);
static const char *place(DWORD address)
{
    const char *name = page && address - (DWORD)page < 0x1000 ? "page+" : address == (DWORD)run ? "run+" : "";
    offset = address - (*name == 'p' ? (DWORD)page : *name == 'r' ? (DWORD)run : 0);
    return name;
}
static EXCEPTION_DISPOSITION __cdecl handler(EXCEPTION_RECORD *r, struct frame *f, CONTEXT *c, void *d)
{
    (void)d;
    say("%s: code %08x flags %x", f->name, r->ExceptionCode, r->ExceptionFlags);
    if (r->ExceptionCode != EXCEPTION_BREAKPOINT) say(" parameters %u", r->NumberParameters);   /* systems differ */
    if (r->ExceptionCode == EXCEPTION_ACCESS_VIOLATION) {
        const char *name = place(r->ExceptionInformation[1]);
        say(" write %u address %s%x", r->ExceptionInformation[0], name, offset);
    }
    say(" at eip %d", (DWORD)r->ExceptionAddress == c->Eip);
    say(" ecx %08x\n", c->Ecx);
    c->Eip += skip;
    c->Eax = 0x1234;
    return ExceptionContinueExecution;
}
#define FAULT(title, length, code) do { struct frame f_; DWORD a_ = 0; skip = length; push_frame(&f_, handler, title); \
    __asm__ volatile(code : "=a"(a_) : "c"(0xC0FFEE) : "edx", "memory", "cc"); pop_frame(&f_); say("  eax %x\n", a_); } while (0)
int run(void)
{
    FAULT("read null", 5, ".byte 0xA1; .long 0");                              /* mov eax,[0] */
    FAULT("write null", 6, ".byte 0x89,0x0D; .long 0x10");                     /* mov [10h],ecx */
    page = VirtualAlloc(NULL, 0x1000, MEM_COMMIT | MEM_RESERVE, PAGE_READONLY);
    FAULT("write read-only page", 2, "movl _page,%%edx; .byte 0x89,0x0A");     /* mov [edx],ecx */
    FAULT("read of that page", 2, "movl _page,%%edx; .byte 0x8B,0x02; incl %%eax");
    DWORD old;
    VirtualProtect(page, 0x1000, PAGE_NOACCESS, &old);
    FAULT("read no-access page", 3, "movl _page,%%edx; .byte 0x80,0x3A,0x00");
    VirtualFree(page, 0x1000, MEM_DECOMMIT);
    FAULT("read decommitted page", 3, "movl _page,%%edx; .byte 0x80,0x3A,0x00");
    char byte = *(volatile char *)run;                                         /* code can be read ... */
    say("code can be read: %d\n", byte != 0 || 1);
    FAULT("write code", 6, ".byte 0x89,0x0D; .long _run");                     /* ... but not written */
    FAULT("divide by zero", 2, "xorl %%edx,%%edx; movl $1,%%eax; .byte 0xF7,0xF2");   /* div edx */
    FAULT("breakpoint", 1, ".byte 0xCC");
    FAULT("illegal instruction", 2, ".byte 0x0F,0x0B");
    FAULT("privileged instruction", 1, ".byte 0xF4");                          /* hlt */
    return 0;
}
