/* A DLL that writes down why it was called, exports by name, by ordinal only, data, and under another's name. */
#define NO_START
#include "../out.h"
static int calls;
__declspec(dllexport) char history[64];
__declspec(dllexport) int shared_value = 41;
BOOL WINAPI DllMain(HINSTANCE h, DWORD reason, LPVOID reserved)
{
    static const char letters[] = "DATX";           /* detach, attach, thread, thread exit */
    if (calls < 60) history[calls++] = letters[reason & 3], history[calls] = 0;
    if (reason == DLL_PROCESS_ATTACH) say("counted: attach, handle is base %d, static %d\n", *(WORD *)h == 0x5A4D, reserved != NULL);
    if (reason == DLL_PROCESS_DETACH) say("counted: detach, history %s, at exit %d\n", history, reserved != NULL);
    return TRUE;
}
__declspec(dllexport) int plain(int a) { return a + shared_value; }
int by_ordinal(int a) { return a * 2; }
__declspec(dllexport) int __stdcall decorated(int a, int b) { return a - b; }
