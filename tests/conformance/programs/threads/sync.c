#include "../out.h"
/* Critical sections, events, mutexes, semaphores between the threads of a process. */
static CRITICAL_SECTION cs;
static int shared, inside, clashes;
static HANDLE ping, pong, mutex, sem;
static DWORD WINAPI worker(void *p)
{
    (void)p;
    for (int i = 0; i < 3000; i++) {
        EnterCriticalSection(&cs);
        if (inside++) clashes++;
        int v = shared;
        for (volatile int k = 0; k < 20; k++) ;
        shared = v + 1;
        inside--;
        LeaveCriticalSection(&cs);
    }
    return 0;
}
static DWORD WINAPI ponger(void *p) { (void)p; for (int i = 0; i < 500; i++) { WaitForSingleObject(ping, INFINITE); shared++; SetEvent(pong); } return 0; }
static DWORD WINAPI abandoner(void *p) { (void)p; WaitForSingleObject(mutex, INFINITE); return 0; }
static DWORD WINAPI taker(void *p) { (void)p; DWORD n = 0; while (WaitForSingleObject(sem, 500) == WAIT_OBJECT_0) n++; return n; }
int run(void)
{
    HANDLE t[3];
    DWORD id;
    LONG previous;
    InitializeCriticalSection(&cs);
    for (int i = 0; i < 3; i++) t[i] = CreateThread(NULL, 0, worker, NULL, 0, &id);
    WaitForMultipleObjects(3, t, TRUE, INFINITE);
    say("critical section: %d, clashes %d\n", shared, clashes);
    EnterCriticalSection(&cs); EnterCriticalSection(&cs); LeaveCriticalSection(&cs); LeaveCriticalSection(&cs);
    say("recursive\n");
    DeleteCriticalSection(&cs);
    ping = CreateEventA(NULL, FALSE, FALSE, NULL); pong = CreateEventA(NULL, FALSE, FALSE, NULL);
    shared = 0;
    HANDLE one = CreateThread(NULL, 0, ponger, NULL, 0, &id);
    for (int i = 0; i < 500; i++) { SetEvent(ping); WaitForSingleObject(pong, INFINITE); }
    WaitForSingleObject(one, INFINITE);
    say("ping-pong: %d\n", shared);
    HANDLE manual = CreateEventA(NULL, TRUE, TRUE, NULL), automatic = CreateEventA(NULL, FALSE, TRUE, NULL);
    DWORD a = WaitForSingleObject(manual, 0), b = WaitForSingleObject(manual, 0), c = WaitForSingleObject(automatic, 0), d = WaitForSingleObject(automatic, 0);
    say("manual %u %u, automatic %u %u\n", a, b, c, d);
    HANDLE both[2] = { automatic, manual };
    a = WaitForMultipleObjects(2, both, TRUE, 0); b = WaitForMultipleObjects(2, both, FALSE, 0);
    say("wait all %u, wait any %u\n", a, b);
    SetEvent(automatic);
    ResetEvent(manual);
    a = WaitForMultipleObjects(2, both, TRUE, 0); b = WaitForSingleObject(automatic, 0);
    say("a failed wait-all takes nothing: %u %u\n", a, b);
    mutex = CreateMutexA(NULL, TRUE, NULL);
    a = WaitForSingleObject(mutex, 0);
    BOOL r1 = ReleaseMutex(mutex), r2 = ReleaseMutex(mutex), r3 = (BOOL)TRY(ReleaseMutex(mutex));
    say("mutex: %u %d %d %d error %s\n", a, r1, r2, r3, last());
    one = CreateThread(NULL, 0, abandoner, NULL, 0, &id);
    WaitForSingleObject(one, INFINITE);
    a = WaitForSingleObject(mutex, INFINITE); r1 = ReleaseMutex(mutex); b = WaitForSingleObject(mutex, 0);
    say("abandoned: %x %d then %u\n", a, r1, b);
    sem = CreateSemaphoreA(NULL, 2, 5, NULL);
    r1 = ReleaseSemaphore(sem, 3, &previous);
    r2 = (BOOL)TRY(ReleaseSemaphore(sem, 1, NULL));
    say("semaphore: %d previous %d, over the top %d error %s\n", r1, previous, r2, last());
    one = CreateThread(NULL, 0, taker, NULL, 0, &id);
    WaitForSingleObject(one, INFINITE);
    GetExitCodeThread(one, &a);
    say("taken: %u\n", a);
    LONG v = 5, w;
    w = InterlockedExchange(&v, 9);
    say("interlocked: %d %d", w, v);
    w = InterlockedIncrement(&v); say(" %d", w); w = InterlockedDecrement(&v); say(" %d\n", w);
    HANDLE named = CreateEventA(NULL, TRUE, FALSE, "w9x conformance event"), again = (HANDLE)TRY(CreateEventA(NULL, TRUE, FALSE, "w9x conformance event"));
    say("named: %d, second create: %d error %s\n", named != NULL, again != NULL && again != named, last());
    SetEvent(again);
    say("one object: %u\n", WaitForSingleObject(named, 0));
    HANDLE opened = OpenEventA(EVENT_ALL_ACCESS, FALSE, "w9x conformance event"), absent = (HANDLE)TRY(OpenEventA(EVENT_ALL_ACCESS, FALSE, "w9x conformance absent"));
    say("open: %d, absent: %08x error %s\n", opened != NULL, absent, last());
    HANDLE wrong = (HANDLE)TRY(CreateMutexA(NULL, FALSE, "w9x conformance event"));
    say("other type: %08x error %s\n", wrong, last());
    return 0;
}
