#include "../out.h"
/* Code that changes under its address: by a store, by ReadFile, after VirtualProtect, after the memory was freed and
   reserved again. What runs is what is there now. */
static const unsigned char returns[6] = { 0xB8, 0, 0, 0, 0, 0xC3 };       /* mov eax, N; ret */
static char *at;
static void file_with(unsigned char n)
{
    DWORD done;
    unsigned char code[6];
    memcpy(code, returns, 6);
    code[1] = n;
    HANDLE h = CreateFileA("code.bin", GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    WriteFile(h, code, 6, &done, NULL);
    CloseHandle(h);
}
static void read_there(void)
{
    DWORD done;
    HANDLE h = CreateFileA("code.bin", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    ReadFile(h, at, 6, &done, NULL);
    CloseHandle(h);
}
static int call(void) { return ((int (*)(void))at)(); }
int run(void)
{
    DWORD old;
    at = VirtualAlloc(NULL, 0x10000, MEM_RESERVE | MEM_COMMIT, PAGE_EXECUTE_READWRITE);
    memcpy(at, returns, 6); at[1] = 1;
    say("stored: %d", call()); say(" %d\n", call());
    at[1] = 2;
    say("stored over it: %d\n", call());
    file_with(3); read_there();
    say("read into executable memory: %d\n", call());
    VirtualProtect(at, 0x1000, PAGE_READWRITE, &old);
    file_with(4); read_there();
    VirtualProtect(at, 0x1000, PAGE_EXECUTE_READ, &old);
    say("read while it was data: %d\n", call());
    VirtualFree(at, 0x10000, MEM_DECOMMIT);
    VirtualAlloc(at, 0x10000, MEM_COMMIT, PAGE_EXECUTE_READWRITE);
    file_with(5); read_there();
    say("decommitted and committed: %d\n", call());
    VirtualFree(at, 0, MEM_RELEASE);
    char *again = VirtualAlloc(at, 0x10000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    file_with(6); read_there();
    VirtualProtect(at, 0x1000, PAGE_EXECUTE, &old);
    say("freed and reserved: %d %d\n", again == at, call());
    VirtualFree(at, 0, MEM_RELEASE);
    HANDLE f = CreateFileA("code.bin", GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    HANDLE m = CreateFileMappingA(f, NULL, PAGE_READWRITE, 0, 0, NULL);
    char *view = MapViewOfFile(m, FILE_MAP_WRITE, 0, 0, 0), *copy = VirtualAlloc(NULL, 0x1000, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE);
    view[1] = 7;
    memcpy(copy, view, 6);
    say("through a mapping: %d\n", ((int (*)(void))copy)());
    UnmapViewOfFile(view); CloseHandle(m); CloseHandle(f);
    DeleteFileA("code.bin");
    return 0;
}
