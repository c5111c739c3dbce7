#include "../out.h"
/* A TLS directory: per-thread copies of initialised data, index, callbacks before the entry point and per thread. */
static char events[32];
static int count;
static void NTAPI callback(PVOID h, DWORD reason, PVOID reserved)
{
    (void)h; (void)reserved;
    if (count < 31) events[count++] = "DATX"[reason & 3];
}
static struct { int number; char text[12]; int zero; } pattern = { 1234, "initial", 0 };
static DWORD index_ = 0xFFFF;
static PIMAGE_TLS_CALLBACK callbacks[] = { callback, NULL };
/* the linker makes the data directory point at a symbol of this name */
const IMAGE_TLS_DIRECTORY32 _tls_used = { (DWORD)&pattern, (DWORD)&pattern + 16, (DWORD)&index_, (DWORD)callbacks, 8, 0 };
static int *mine(void)
{
    void **array;
    __asm__ volatile("movl %%fs:0x2C, %0" : "=r"(array));
    return array[index_];
}
static DWORD WINAPI thread(void *p)
{
    int *d = mine(), first = d[0];
    d[0] = (int)p;
    return first == 1234 && d[4] == 0 && d[5] == 0 && d != (int *)&pattern ? 1 : 0;
}
int run(void)
{
    DWORD id, code;
    int *d = mine();
    say("index set: %d, callback came first: %s\n", index_ != 0xFFFF, events);
    say("copy: %d %s %d %d, not the pattern itself: %d\n", d[0], (char *)(d + 1), d[4], d[5], d != (int *)&pattern);
    d[0] = 7;
    HANDLE t = CreateThread(NULL, 0, thread, (void *)99, 0, &id);
    WaitForSingleObject(t, INFINITE);
    GetExitCodeThread(t, &code);
    say("thread had its own copy: %u, mine is kept: %d, pattern: %d\n", code, d[0], pattern.number);
    say("events: %s\n", events);
    return 0;
}
