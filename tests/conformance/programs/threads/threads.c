#include "../out.h"
/* Threads: start, parameters, exit codes, suspension, waiting for one and for several. */
static volatile LONG counter;
static DWORD WINAPI adder(void *p) { for (int i = 0; i < 20000; i++) InterlockedIncrement(&counter); return (DWORD)p * 2; }
static DWORD WINAPI leaver(void *p) { (void)p; ExitThread(99); }
static HANDLE go;
static DWORD WINAPI waiter(void *p) { WaitForSingleObject(go, INFINITE); return (DWORD)p; }
static DWORD WINAPI recurse(void *p) { volatile char pad[3000]; pad[0] = 1; return (DWORD)p == 0 ? pad[0] : recurse((void *)((DWORD)p - 1)) + pad[0]; }
int run(void)
{
    HANDLE t[4];
    DWORD id[4], code;
    for (int i = 0; i < 4; i++) t[i] = CreateThread(NULL, 0, adder, (void *)(i + 10), 0, &id[i]);
    say("different ids: %d\n", id[0] != id[1] && id[1] != id[2] && id[0] != GetCurrentThreadId());
    say("all: %u\n", WaitForMultipleObjects(4, t, TRUE, INFINITE));
    say("counted: %d\n", counter);
    for (int i = 0; i < 4; i++) { GetExitCodeThread(t[i], &code); say("code %u\n", code); CloseHandle(t[i]); }
    HANDLE one = CreateThread(NULL, 0, leaver, NULL, 0, &id[0]);
    WaitForSingleObject(one, INFINITE);
    GetExitCodeThread(one, &code);
    say("ExitThread: %u, wait again: %u\n", code, WaitForSingleObject(one, 0));
    CloseHandle(one);
    go = CreateEventA(NULL, TRUE, FALSE, NULL);
    one = CreateThread(NULL, 0, waiter, (void *)5, CREATE_SUSPENDED, &id[0]);
    SetEvent(go);
    say("suspended: %u\n", WaitForSingleObject(one, 30));
    say("suspend again: %u\n", SuspendThread(one));
    say("resume: %u\n", ResumeThread(one));
    say("resume: %u\n", ResumeThread(one));
    say("finished: %u\n", WaitForSingleObject(one, INFINITE));
    GetExitCodeThread(one, &code);
    say("code %u\n", code);
    ResetEvent(go);
    HANDLE two = CreateThread(NULL, 0, waiter, (void *)6, 0, &id[0]);
    GetExitCodeThread(two, &code);
    say("still active: %u\n", code);
    HANDLE pair[2] = { two, go };
    say("time-out: %u\n", WaitForMultipleObjects(2, pair, FALSE, 20));
    SetEvent(go);
    say("event is the first that is signalled: %u\n", WaitForMultipleObjects(2, pair, FALSE, INFINITE) <= 1);
    WaitForSingleObject(two, INFINITE);
    say("priority: %d set %d now %d\n", GetThreadPriority(GetCurrentThread()), SetThreadPriority(two, THREAD_PRIORITY_BELOW_NORMAL), 1);
    one = CreateThread(NULL, 0, recurse, (void *)200, 0, &id[0]);
    WaitForSingleObject(one, INFINITE);
    GetExitCodeThread(one, &code);
    say("deep stack: %u\n", code);
    HANDLE self;
    say("duplicate: %d\n", DuplicateHandle(GetCurrentProcess(), GetCurrentThread(), GetCurrentProcess(), &self, 0, FALSE, DUPLICATE_SAME_ACCESS));
    say("own thread is not signalled: %u\n", WaitForSingleObject(self, 0));
    SetLastError(1); CloseHandle(self);
    DWORD result = (DWORD)TRY(WaitForSingleObject((HANDLE)0x123454, 0));
    say("bad handle: %08x error %s\n", result, last());
    BOOL ok = (BOOL)TRY(CloseHandle((HANDLE)0x123454));
    say("close bad handle: %d error %s\n", ok, last());
    return 0;
}
