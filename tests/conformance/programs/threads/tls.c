#include "../out.h"
/* Thread-local storage through TlsAlloc: one value per thread, zero at first, 64 slots at least. */
static DWORD slot, seen[3];
static HANDLE go;
static DWORD WINAPI worker(void *p)
{
    seen[(int)p] = (DWORD)TlsGetValue(slot);
    TlsSetValue(slot, (void *)((int)p + 100));
    WaitForSingleObject(go, INFINITE);
    return (DWORD)TlsGetValue(slot);
}
int run(void)
{
    HANDLE t[3];
    DWORD id, code, got[64];
    int n = 0;
    slot = TlsAlloc();
    go = CreateEventA(NULL, TRUE, FALSE, NULL);
    void *value = (void *)TRY(TlsGetValue(slot));
    say("at first: %08x error %s\n", value, last());
    TlsSetValue(slot, (void *)1);
    for (int i = 0; i < 3; i++) t[i] = CreateThread(NULL, 0, worker, (void *)i, 0, &id);
    SetEvent(go);
    WaitForMultipleObjects(3, t, TRUE, INFINITE);
    for (int i = 0; i < 3; i++) { GetExitCodeThread(t[i], &code); say("thread %d: at first %u, at last %u\n", i, seen[i], code); }
    say("mine: %u\n", (DWORD)TlsGetValue(slot));
    say("freed: %d\n", TlsFree(slot));
    while (n < 60 && (got[n] = TlsAlloc()) != 0xFFFFFFFF) n++;
    say("sixty more: %d, value of a reused slot: %08x\n", n, TlsGetValue(got[0]));
    int different = 1;
    for (int i = 1; i < n; i++) different &= got[i] != got[i - 1];
    say("different: %d\n", different);
    for (int i = 0; i < n; i++) TlsFree(got[i]);
    BOOL ok = (BOOL)TRY(TlsSetValue(5000, NULL));
    say("bad slot: %d error %s\n", ok, last());
    return 0;
}
