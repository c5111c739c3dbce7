/*: dll other other.c */
/*: dll counted counted.c counted.def */
/*: import counted other */
#include "../out.h"
/* Linked imports: DLLs are attached before the program starts, get thread calls, and are detached at exit. */
__declspec(dllimport) int plain(int a);
__declspec(dllimport) int answer(int a);
__declspec(dllimport) extern char history[64];
__declspec(dllimport) extern int shared_value;
static DWORD WINAPI thread(void *p) { return (DWORD)p; }
int run(void)
{
    DWORD id;
    say("program starts: %s\n", history);
    say("calls: %d %d, data: %d\n", plain(1), answer(2), shared_value);
    HANDLE t = CreateThread(NULL, 0, thread, NULL, 0, &id);
    WaitForSingleObject(t, INFINITE);
    say("after a thread: %s\n", history);
    HMODULE h = GetModuleHandleA("counted");
    say("loaded: %d, cannot be unloaded: %d %d\n", h != NULL, FreeLibrary(h) || 1, GetModuleHandleA("counted") == h);
    return 5;
}
