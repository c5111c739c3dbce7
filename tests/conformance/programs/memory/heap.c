#include "../out.h"
/* HeapAlloc and its family, LocalAlloc and GlobalAlloc: contents, sizes, alignment, failures. */
int run(void)
{
    HANDLE h = GetProcessHeap();
    unsigned char *p = HeapAlloc(h, HEAP_ZERO_MEMORY, 100), *q;
    int zero = 1;
    for (int i = 0; i < 100; i++) zero &= p[i] == 0;
    say("zeroed: %d, size %u, aligned: %d\n", zero, HeapSize(h, 0, p), ((DWORD)p & 7) == 0);
    for (int i = 0; i < 100; i++) p[i] = (unsigned char)i;
    p = HeapReAlloc(h, HEAP_ZERO_MEMORY, p, 5000);
    int kept = 1;
    for (int i = 0; i < 100; i++) kept &= p[i] == i;
    zero = 1;
    for (int i = 100; i < 5000; i++) zero &= p[i] == 0;
    say("grown: kept %d, rest zero %d, size %u\n", kept, zero, HeapSize(h, 0, p));
    p = HeapReAlloc(h, 0, p, 10);
    say("shrunk: %d size %u\n", p[9], HeapSize(h, 0, p));
    say("valid: %d\n", HeapValidate(h, 0, p) != 0);
    say("freed: %d\n", HeapFree(h, 0, p));
    HANDLE own = HeapCreate(0, 0x1000, 0);
    int bad = 0;
    static unsigned char *many[2000];
    unsigned x = 1;
    for (int i = 0; i < 2000; i++) { x = x * 1103515245u + 12345u; many[i] = HeapAlloc(own, 0, (x >> 16) % 700 + 4); *(int *)many[i] = i; }
    for (int i = 0; i < 2000; i += 2) HeapFree(own, 0, many[i]);
    for (int i = 0; i < 2000; i += 2) { many[i] = HeapAlloc(own, 0, 33); *(int *)many[i] = i; }
    for (int i = 0; i < 2000; i++) bad += *(int *)many[i] != i;
    say("blocks that lost their content: %d\n", bad);
    q = HeapAlloc(own, 0, 1000000);
    q[999999] = 1;
    say("large block: %d\n", q != NULL);
    say("destroyed: %d\n", HeapDestroy(own));
    HANDLE limited = HeapCreate(0, 0x1000, 0x10000);
    say("more than a limited heap has: %08x\n", HeapAlloc(limited, 0, 0x20000));
    HeapDestroy(limited);
    say("size 0 gives a block: %d\n", HeapAlloc(h, 0, 0) != NULL);
    HLOCAL fixed = LocalAlloc(LPTR, 50);
    say("LocalAlloc fixed: handle is pointer %d, size %d, lock %d\n", LocalLock(fixed) == fixed, LocalSize(fixed) >= 50, ((char *)fixed)[49]);
    say("LocalFree: %08x\n", LocalFree(fixed));
    HGLOBAL moveable = GlobalAlloc(GMEM_MOVEABLE | GMEM_ZEROINIT, 1000);
    char *locked = GlobalLock(moveable);
    say("moveable: handle differs from pointer %d, lock count %u\n", (void *)moveable != locked, GlobalFlags(moveable) & GMEM_LOCKCOUNT);
    locked[0] = 'g';
    say("handle from pointer: %d\n", GlobalHandle(locked) == moveable);
    BOOL still = GlobalUnlock(moveable);
    say("unlocked: %d\n", still);
    moveable = GlobalReAlloc(moveable, 5000, GMEM_MOVEABLE);
    locked = GlobalLock(moveable);
    say("after growing: %c %d\n", locked[0], GlobalSize(moveable) >= 5000);
    GlobalUnlock(moveable);
    say("GlobalFree: %08x\n", GlobalFree(moveable));
    HGLOBAL discarded = GlobalAlloc(GMEM_MOVEABLE, 0);
    say("empty moveable: %d, flags %x\n", discarded != NULL, GlobalFlags(discarded) & GMEM_DISCARDED);
    GlobalFree(discarded);
    return 0;
}
