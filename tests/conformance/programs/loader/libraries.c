/*: dll other other.c */
/*: dll counted counted.c counted.def */
/*: dll refuses refuses.c */
#include "../out.h"
/* LoadLibrary and GetProcAddress on our own DLL: counts, reasons, ordinals, data, forwarders, failure. */
static DWORD WINAPI thread(void *p) { return (DWORD)p; }
int run(void)
{
    DWORD id;
    HMODULE h = LoadLibraryA("counted.dll");
    say("loaded: %d\n", h != NULL);
    say("again: %d, without suffix: %d, by handle: %d\n", LoadLibraryA("COUNTED") == h, LoadLibraryA("counted") == h, GetModuleHandleA("counted.dll") == h);
    int (*plain)(int) = (void *)GetProcAddress(h, "plain");
    int *value = (void *)GetProcAddress(h, "shared_value");
    char *history = (void *)GetProcAddress(h, "history");
    say("plain: %d\n", plain(1));
    *value = 100;
    say("data: %d\n", plain(1));
    int (*ordinal)(int) = (void *)GetProcAddress(h, (LPCSTR)77);
    say("by ordinal: %d, not by name: %d\n", ordinal ? ordinal(21) : -1, GetProcAddress(h, "by_ordinal") == NULL);
    int (__stdcall *decorated)(int, int) = (void *)GetProcAddress(h, (LPCSTR)5);
    say("ordinal 5: %d\n", decorated ? decorated(10, 3) : -1);
    FARPROC bad = (FARPROC)TRY(GetProcAddress(h, (LPCSTR)4000));
    say("no such ordinal: %08x error set %d\n", bad, err != POISON);
    int (__stdcall *length)(const char *) = (void *)GetProcAddress(h, "forwarded");
    say("forwarded: %d, same address: %d\n", length ? length("four") : -1, (FARPROC)length == GetProcAddress(GetModuleHandleA("kernel32"), "lstrlenA"));
    int (*answer)(int) = (void *)GetProcAddress(h, "forwarded_by_us");
    say("forwarded to our own: %d\n", answer ? answer(1) : -1);
    HANDLE t = CreateThread(NULL, 0, thread, NULL, 0, &id);
    WaitForSingleObject(t, INFINITE);
    say("history with one thread: %s\n", history);
    DisableThreadLibraryCalls(h);
    t = CreateThread(NULL, 0, thread, NULL, 0, &id);
    WaitForSingleObject(t, INFINITE);
    say("history without calls: %s\n", history);
    say("free: %d", FreeLibrary(h)); say(" %d\n", FreeLibrary(h));
    say("still there: %d\n", GetModuleHandleA("counted.dll") == h);
    say("last free: %d\n", FreeLibrary(h));
    say("gone: %d\n", GetModuleHandleA("counted.dll") == NULL);
    h = LoadLibraryA("counted.dll");
    value = (void *)GetProcAddress(h, "shared_value");
    say("fresh data: %d\n", *value);
    HMODULE r = (HMODULE)TRY(LoadLibraryA("refuses.dll"));
    say("refused: %08x error %s, handle: %08x\n", r, last(), GetModuleHandleA("refuses.dll"));
    BOOL ok = (BOOL)TRY(FreeLibrary((HMODULE)0x12340000));
    say("free nonsense: %d error set %d\n", ok, err != POISON);
    HMODULE data = LoadLibraryExA("other.dll", NULL, LOAD_LIBRARY_AS_DATAFILE);
    say("as data: %d\n", data != NULL);
    say("leaving\n");
    return 0;
}
