#include "../out.h"
/* VirtualAlloc, VirtualQuery, VirtualProtect, VirtualFree as the SDK describes them. */
static void show(const char *title, const void *at, const char *base)
{
    MEMORY_BASIC_INFORMATION m;
    memset(&m, 0xAA, sizeof m);
    DWORD got = VirtualQuery(at, &m, sizeof m);
    say("%s: %u base+%x alloc+%x aprot %x size %x state %x prot %x type %x\n", title, got, (char *)m.BaseAddress - base,
        (char *)m.AllocationBase - base, m.AllocationProtect, m.RegionSize, m.State, m.State == MEM_COMMIT ? m.Protect : 0, m.Type);
}
int run(void)
{
    DWORD old = 0;
    BOOL ok;
    SYSTEM_INFO si;
    GetSystemInfo(&si);
    say("page %u, granularity %u, processors %d\n", si.dwPageSize, si.dwAllocationGranularity, si.dwNumberOfProcessors >= 1);
    char *p = VirtualAlloc(NULL, 0x30000, MEM_RESERVE, PAGE_NOACCESS);
    say("reserved: %d, on a granule: %d\n", p != NULL, ((DWORD)p & 0xFFFF) == 0);
    show("reserved", p, p);
    say("commit two pages: %d\n", VirtualAlloc(p + 0x5123, 0x1000, MEM_COMMIT, PAGE_READWRITE) == p + 0x5000);
    show("before", p, p);
    show("committed", p + 0x5000, p);
    show("after", p + 0x7000, p);
    say("zeroed: %d\n", p[0x5000] == 0 && p[0x6FFF] == 0);
    memset(p + 0x5000, 0x77, 0x2000);
    say("commit again keeps content: %d %02x\n", VirtualAlloc(p + 0x5000, 0x1000, MEM_COMMIT, PAGE_READWRITE) == p + 0x5000, p[0x5800]);
    ok = VirtualProtect(p + 0x6000, 1, PAGE_READONLY, &old);
    say("protect: %d old %x\n", ok, old);
    show("first", p + 0x5000, p);
    show("second", p + 0x6000, p);
    ok = VirtualProtect(p + 0x6000, 0x1000, PAGE_READWRITE, &old);
    say("back: %d old %x\n", ok, old);
    show("both", p + 0x5000, p);
    ok = (BOOL)TRY(VirtualProtect(p, 0x1000, PAGE_READWRITE, &old));
    say("protect reserved: %d error set: %d\n", ok, err != POISON);
    say("decommit: %d\n", VirtualFree(p + 0x5000, 0x1000, MEM_DECOMMIT));
    show("gone", p + 0x5000, p);
    show("stays", p + 0x6000, p);
    say("commit again is zero: %d\n", VirtualAlloc(p + 0x5000, 1, MEM_COMMIT, PAGE_READWRITE) && p[0x5800] == 0);
    ok = (BOOL)TRY(VirtualFree(p, 0x1000, MEM_RELEASE));
    say("release with a size: %d error %s\n", ok, last());
    ok = (BOOL)TRY(VirtualFree(p, 0, MEM_RELEASE));
    say("release: %d error %s\n", ok, last());
    MEMORY_BASIC_INFORMATION m;
    VirtualQuery(p, &m, sizeof m);
    say("free afterwards: %x\n", m.State);
    char *fixed = VirtualAlloc(p, 0x10000, MEM_RESERVE | MEM_COMMIT, PAGE_EXECUTE_READWRITE);
    say("at the same address: %d\n", fixed == p);
    static const unsigned char code[] = { 0xB8, 0x39, 0x05, 0x00, 0x00, 0xC3 };
    memcpy(fixed, code, sizeof code);
    FlushInstructionCache(GetCurrentProcess(), fixed, sizeof code);
    say("code runs: %d\n", ((int (*)(void))fixed)());
    fixed[1] = 0x3A;
    say("changed code runs: %d\n", ((int (*)(void))fixed)());
    char *taken = (char *)TRY(VirtualAlloc(fixed, 0x10000, MEM_RESERVE, PAGE_READWRITE));
    say("taken address: %08x error %s\n", taken, last());
    VirtualFree(fixed, 0, MEM_RELEASE);
    say("bad pointers: %d %d %d %d\n", IsBadReadPtr(NULL, 1), IsBadWritePtr((void *)0x1000, 4), IsBadReadPtr("x", 2), IsBadCodePtr((FARPROC)run));
    char *big = (char *)TRY(VirtualAlloc(NULL, 0x7FFFFFFF, MEM_RESERVE, PAGE_READWRITE));
    say("too large: %08x error set: %d\n", big, err != POISON);
    MEMORYSTATUS ms;
    ms.dwLength = sizeof ms;
    GlobalMemoryStatus(&ms);
    say("memory: %u %d %d\n", ms.dwLength, ms.dwTotalPhys > 0, ms.dwAvailVirtual <= ms.dwTotalVirtual);
    return 0;
}
