#include "../out.h"
/* Four threads compute without calling anything: being interrupted at any instruction must change no register, flag,
   80387 value, string operation or direction flag of any of them. */
static volatile LONG started;
static DWORD compute(DWORD seed)
{
    DWORD h = seed;
    char buffer[256];
    double d = seed, e = 1.0;
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < 200; i++) {
            DWORD carry;
            __asm__ volatile("addl %2, %0; sbbl %1, %1; rcll $5, %0" : "+r"(h), "=r"(carry) : "r"(seed * 2654435761u + i) : "cc");
            h ^= carry & 0x5A5A;
        }
        __asm__ volatile("cld; rep stosb" :: "a"(h), "D"(buffer), "c"(sizeof buffer) : "memory");
        for (int i = 0; i < 256; i++) buffer[i] = (char)(buffer[i] + i);
        char *s = buffer + 255, *t = buffer + 254;
        DWORD n = 200;
        __asm__ volatile("std; rep movsb; cld" : "+D"(s), "+S"(t), "+c"(n) :: "memory");
        for (int i = 0; i < 256; i += 7) h = h * 31 + (unsigned char)buffer[i];
        for (int i = 1; i < 60; i++) { d = d * 1.000001 + 1.0 / i; __asm__ volatile("fldl %1; fsqrt; fldpi; fmulp; fstpl %0" : "=m"(e) : "m"(d)); d += e * 1e-7; }
        h += (DWORD)(d * 16);
    }
    return h;
}
static DWORD WINAPI thread(void *p)
{
    InterlockedIncrement(&started);
    while (started < 4) ;                                     /* no call here: only preemption lets the others in */
    return compute((DWORD)p);
}
int run(void)
{
    HANDLE t[4];
    DWORD id, alone[4], together;
    for (DWORD i = 0; i < 4; i++) alone[i] = compute(i + 1);
    for (int turn = 0; turn < 3; turn++) {
        started = 0;
        for (DWORD i = 0; i < 4; i++) t[i] = CreateThread(NULL, 0, thread, (void *)(i + 1), 0, &id);
        WaitForMultipleObjects(4, t, TRUE, INFINITE);
        for (int i = 0; i < 4; i++) { GetExitCodeThread(t[i], &together); say("%d", together == alone[i]); CloseHandle(t[i]); }
        say("\n");
    }
    say("different work: %d\n", alone[0] != alone[1] && alone[1] != alone[2]);
    return 0;
}
