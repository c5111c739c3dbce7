/* The DLL that counted.dll forwards to; it refuses no one and counts its loads in a file-wide variable. */
#define NO_START
#include "../out.h"
BOOL WINAPI DllMain(HINSTANCE h, DWORD reason, LPVOID reserved)
{
    (void)h; (void)reserved;
    if (reason == DLL_PROCESS_ATTACH) say("other: attach\n");
    return TRUE;
}
__declspec(dllexport) int __cdecl answer(int a) { return a + 1000; }
