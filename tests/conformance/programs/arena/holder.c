#include "../out.h"
/* Program A: allocates memory, prints its address, shows what another process wrote there when told to by a line. */
static char line[8];
static void wait_for_line(void) { DWORD n; while (ReadFile(GetStdHandle(STD_INPUT_HANDLE), line, 1, &n, NULL) && n && line[0] != '\n') ; }
static char own[32] = "data of program A";
int run(void)
{
    char *p = VirtualAlloc(NULL, 0x20000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    lstrcpyA(p, "written by A");
    say("%08x %08x\n", p, own);
    wait_for_line();
    say("%s|%s|%s\n", p, p + 0x1F000, own);
    lstrcpyA(p, "changed by A");
    say("changed\n");
    wait_for_line();
    return 11;
}
