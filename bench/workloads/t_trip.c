/* What one call into the operating system costs: MulDiv is a three-argument stdcall with nothing to do.
   The second loop is the same call to a function of the program, so the difference is the crossing alone. */
#include "bench.h"
#ifdef __i386__
#define STDCALL __attribute__((stdcall))
#else
#define STDCALL
#endif
static __attribute__((noinline)) int STDCALL own_muldiv(int a, int b, int c)
{
    __asm__ volatile("" ::: "memory");
    return (a + b) ^ c;
}
#ifndef _WIN32
#define MulDiv(a, b, c) ((int)(((long long)(a) * (b) + (c) / 2) / (c)))
#endif
static void b_main(const char *a)
{
    int d = b_num(a); if (!d) d = 1;
    int K = 100000 / d; unsigned h = 0; unsigned long long t0, t1;
    t0 = b_us(); for (int i = 0; i < K; i++) h = h * 3 + (unsigned)MulDiv(i, 7, 3); t1 = b_us();
    b_result("t.MulDiv", t1 - t0, h);
    h = 0; t0 = b_us(); for (int i = 0; i < K; i++) h = h * 3 + (unsigned)own_muldiv(i, 7, 3); t1 = b_us();
    b_result("t.ownfunc", t1 - t0, h);
}
MAIN()
