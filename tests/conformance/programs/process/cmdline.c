/*: args one "two words" "" tail */
#include "../out.h"
/* GetCommandLine holds the program's name and the arguments; the exit code is ExitProcess's argument. */
int run(void)
{
    const char *p = GetCommandLineA();
    say("same pointer each time: %d\n", p == GetCommandLineA());
    if (*p == '"') { for (p++; *p && *p != '"'; p++) ; p++; } else while (*p && *p != ' ') p++;
    while (*p == ' ') p++;
    say("tail: %s\n", p);
    STARTUPINFOA info;
    memset(&info, 0x55, sizeof info);
    GetStartupInfoA(&info);
    say("cb: %u\n", info.cb);
    say("pid: %d, tid: %d\n", GetCurrentProcessId() != 0, GetCurrentThreadId() != 0);
    DWORD code = 0;
    BOOL ok = GetExitCodeProcess(GetCurrentProcess(), &code);
    say("still active: %d %u\n", ok, code);
    return 200;
}
