#include "../out.h"
/* The program as a module: its base, its headers in memory, its file name; modules by name; failures. */
int run(void)
{
    char path[MAX_PATH], small[8];
    HMODULE self = GetModuleHandleA(NULL), k = GetModuleHandleA("kernel32");
    say("base: %08x\n", self);
    say("starts with MZ: %d, PE: %d\n", *(WORD *)self == 0x5A4D, *(DWORD *)((char *)self + ((DWORD *)self)[15]) == 0x4550);
    DWORD length = (DWORD)TRY(GetModuleFileNameA(NULL, path, sizeof path));
    const char *name = path + length;
    while (name > path && name[-1] != '\\') name--;
    say("length is right: %d, drive letter: %d, name: %s\n", strlen(path) == length, path[1] == ':' && path[2] == '\\', name);
    char other[MAX_PATH];
    GetModuleFileNameA(self, other, sizeof other);
    say("same by handle: %d\n", lstrcmpA(path, other) == 0);
    memset(small, 'z', sizeof small);
    length = GetModuleFileNameA(NULL, small, 5);
    say("truncated: %d, first four agree: %d, sixth byte untouched: %c\n", (int)length <= 5, memcmp(small, path, 4) == 0, small[5]);
    say("kernel32: %d, any case and suffix: %d %d\n", k != NULL, GetModuleHandleA("KERNEL32.DLL") == k, GetModuleHandleA("Kernel32") == k);
    say("in its file name: %d\n", GetModuleFileNameA(k, path, sizeof path) > 12 && lstrcmpiA(path + strlen(path) - 13, "\\kernel32.dll") == 0);
    HMODULE none = (HMODULE)TRY(GetModuleHandleA("no such module"));
    say("absent: %08x, error %s\n", none, last());
    none = (HMODULE)TRY(LoadLibraryA("no such module.dll"));
    say("load absent: %08x, error %s\n", none, last());
    FARPROC sleep = GetProcAddress(k, "Sleep"), bad = (FARPROC)TRY(GetProcAddress(k, "NoSuchFunction"));
    say("Sleep: %d, bound import is the same: %d\n", sleep != NULL, sleep == (FARPROC)Sleep);
    say("absent function: %08x, error %s\n", bad, last());
    bad = (FARPROC)TRY(GetProcAddress(k, "sleep"));
    say("names are case sensitive: %08x, error %s\n", bad, last());
    HMODULE again = LoadLibraryA("kernel32.dll");
    say("load again: %d, free: %d\n", again == k, FreeLibrary(again) != 0);
    /* walk the export directory in memory, as programs do */
    char *base = (char *)k;
    IMAGE_NT_HEADERS *nt = (IMAGE_NT_HEADERS *)(base + ((IMAGE_DOS_HEADER *)base)->e_lfanew);
    IMAGE_EXPORT_DIRECTORY *dir = (IMAGE_EXPORT_DIRECTORY *)(base + nt->OptionalHeader.DataDirectory[0].VirtualAddress);
    DWORD *names = (DWORD *)(base + dir->AddressOfNames), *functions = (DWORD *)(base + dir->AddressOfFunctions);
    WORD *ordinals = (WORD *)(base + dir->AddressOfNameOrdinals);
    int found = 0, sorted = 1;
    for (DWORD i = 0; i < dir->NumberOfNames; i++) {
        if (i && lstrcmpA(base + names[i - 1], base + names[i]) == 0) sorted = 0;
        if (memcmp(base + names[i], "Sleep", 6) == 0) found = base + functions[ordinals[i]] == (char *)sleep;
    }
    say("machine %x, optional header magic %x, entry found by walking: %d, no name twice: %d\n", nt->FileHeader.Machine, nt->OptionalHeader.Magic, found, sorted);
    return 0;
}
