#include "../out.h"
/* Program B, a different EXE at the same base: reads and writes A's memory through the address it is given. */
static char line[64];
static char own[32] = "data of program B";
static DWORD value(const char *p) { DWORD v = 0; for (; *p > ' '; p++) v = v * 16 + (*p <= '9' ? *p - '0' : (*p | 32) - 'a' + 10); return v; }
static int read_line(void)
{
    DWORD n, at = 0;
    while (at < sizeof line - 1 && ReadFile(GetStdHandle(STD_INPUT_HANDLE), line + at, 1, &n, NULL) && n) if (line[at++] == '\n') break;
    line[at] = 0;
    return at != 0;
}
int run(void)
{
    read_line();
    char *p = (char *)value(line), *data = (char *)value(line + 9);
    say("%s|%s|%08x\n", p, data, GetModuleHandleA(NULL));
    lstrcpyA(p, "written by B");
    lstrcpyA(p + 0x1F000, "far end");
    say("written\n");
    read_line();
    say("%s\n", p);
    if (line[0] == 'w') lstrcpyA(p, "written after A is gone");
    return 12;
}
