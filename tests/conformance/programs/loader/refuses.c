/* A DLL whose initialisation fails. */
#define NO_START
#include "../out.h"
BOOL WINAPI DllMain(HINSTANCE h, DWORD reason, LPVOID reserved)
{
    (void)h; (void)reserved;
    say("refuses: called with %u\n", reason);
    return reason != DLL_PROCESS_ATTACH;
}
