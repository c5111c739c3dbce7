#include "frames.h"
/* Who is asked, in which order: inner handlers first; RaiseException's parameters; nested exceptions; unwinding. */
static EXCEPTION_DISPOSITION __cdecl pass(EXCEPTION_RECORD *r, struct frame *f, CONTEXT *c, void *d)
{
    (void)c; (void)d;
    say("  %s sees %08x flags %x\n", f->name, r->ExceptionCode, r->ExceptionFlags);
    return ExceptionContinueSearch;
}
static EXCEPTION_DISPOSITION __cdecl resume(EXCEPTION_RECORD *r, struct frame *f, CONTEXT *c, void *d)
{
    (void)c; (void)d;
    if (r->ExceptionCode == EXCEPTION_NONCONTINUABLE_EXCEPTION) return ExceptionContinueSearch;
    say("  %s resumes %08x with %u parameters", f->name, r->ExceptionCode, r->NumberParameters);
    for (DWORD i = 0; i < r->NumberParameters; i++) say(" %x", r->ExceptionInformation[i]);
    say("\n");
    return ExceptionContinueExecution;
}
static EXCEPTION_DISPOSITION __cdecl raises(EXCEPTION_RECORD *r, struct frame *f, CONTEXT *c, void *d)
{
    (void)c; (void)d;
    say("  %s sees %08x flags %x\n", f->name, r->ExceptionCode, r->ExceptionFlags);
    if (r->ExceptionCode == 0xE0000001) RaiseException(0xE0000002, 0, 0, NULL);
    return ExceptionContinueSearch;
}
static void *landing[5];
static struct frame *volatile target;
/* the way of __except: unwind to the own frame, then go on behind the guarded block */
static EXCEPTION_DISPOSITION __cdecl catches(EXCEPTION_RECORD *r, struct frame *f, CONTEXT *c, void *d)
{
    (void)c; (void)d;
    say("  %s sees %08x flags %x\n", f->name, r->ExceptionCode, r->ExceptionFlags);
    if (r->ExceptionFlags & (EXCEPTION_UNWINDING | EXCEPTION_EXIT_UNWIND)) return ExceptionContinueSearch;
    target = f;
    RtlUnwind(f, NULL, r, (void *)0x55);
    say("  unwound, head is the catching frame: %d\n", head() == f);
    set_head(f);
    __builtin_longjmp(landing, 1);
}
static __attribute__((noinline)) void inner(void)
{
    struct frame a, b;
    push_frame(&a, pass, "middle frame");
    push_frame(&b, pass, "inner frame");
    RaiseException(0xE0001234, 0, 0, NULL);
    say("never printed\n");
}
int run(void)
{
    struct frame outer, mid, in;
    DWORD args[20];
    for (int i = 0; i < 20; i++) args[i] = i * 0x11;
    struct frame *before = head();
    say("search goes outwards:\n");
    push_frame(&outer, resume, "outer"); push_frame(&mid, pass, "mid"); push_frame(&in, pass, "in");
    RaiseException(0xE0000055, 0, 3, args);
    say("after RaiseException\n");
    RaiseException(0xE0000056, 0, 20, args);                      /* at most EXCEPTION_MAXIMUM_PARAMETERS travel */
    set_head(before);
    say("exception inside a handler:\n");
    push_frame(&outer, resume, "outer"); push_frame(&mid, raises, "mid");
    RaiseException(0xE0000001, 0, 0, NULL);
    set_head(before);
    say("unwind:\n");
    push_frame(&outer, catches, "catcher");
    if (!__builtin_setjmp(landing)) { inner(); say("never printed\n"); }
    say("landed, frames restored: %d, target %d\n", head() == &outer, target == &outer);
    set_head(before);
    say("twice more, from a fault:\n");
    push_frame(&outer, catches, "catcher");
    for (volatile int i = 0; i < 2; i++)
        if (!__builtin_setjmp(landing)) { *(volatile int *)8 = 1; say("never printed\n"); }
    set_head(before);
    say("not continuable:\n");
    push_frame(&outer, catches, "catcher"); push_frame(&mid, resume, "resumer");
    if (!__builtin_setjmp(landing)) { RaiseException(0xE0000099, EXCEPTION_NONCONTINUABLE, 0, NULL); say("never printed\n"); }
    set_head(before);
    say("done\n");
    return 0;
}
