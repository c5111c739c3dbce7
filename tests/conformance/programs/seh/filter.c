#include "frames.h"
/* SetUnhandledExceptionFilter: asked when no frame took the exception; may repair and continue, or end the process. */
static int calls;
static LONG WINAPI filter(EXCEPTION_POINTERS *p)
{
    say("filter call %d: code %08x\n", ++calls, p->ExceptionRecord->ExceptionCode);
    if (p->ExceptionRecord->ExceptionCode == EXCEPTION_ACCESS_VIOLATION) {
        p->ContextRecord->Eip += 5;
        p->ContextRecord->Eax = 77;
        return EXCEPTION_CONTINUE_EXECUTION;
    }
    say("ending with the exception code as exit code\n");
    return EXCEPTION_EXECUTE_HANDLER;
}
static LONG WINAPI other(EXCEPTION_POINTERS *p) { (void)p; return EXCEPTION_CONTINUE_SEARCH; }
int run(void)
{
    say("previous: %d\n", SetUnhandledExceptionFilter(other) != other);
    say("previous is the last one: %d\n", SetUnhandledExceptionFilter(filter) == other);
    int value;
    __asm__ volatile(".byte 0xA1; .long 4" : "=a"(value));
    say("repaired: %d\n", value);
    RaiseException(0xE0000042, 0, 0, NULL);
    say("never printed\n");
    return 1;
}
