/* Allocates a page with a known text, prints its address, and obeys lines on standard input:
   "new" allocates again and prints, "exit N" ends. Shows its arguments and variables when asked to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static BOOL WINAPI control(DWORD event)
{
    printf("event %lu\n", event);
    fflush(stdout);
    return TRUE;
}

int main(int argc, char **argv)
{
    char line[256];
    int i;
    if (argc > 1 && !strcmp(argv[1], "args")) {
        for (i = 2; i < argc; i++)
            printf("[%s]\n", argv[i]);
        return 0;
    }
    if (argc > 2 && !strcmp(argv[1], "env")) {
        char *value = getenv(argv[2]);
        printf("%s\n", value ? value : "(none)");
        return 0;
    }
    if (argc > 2 && !strcmp(argv[1], "type")) {
        FILE *file = fopen(argv[2], "rb");
        int c;
        if (!file)
            return 2;
        while ((c = getc(file)) != EOF)
            putchar(c);
        return 0;
    }
    if (argc > 1 && !strcmp(argv[1], "sleep")) {
        Sleep(INFINITE);
        return 0;
    }
    if (argc > 1 && !strcmp(argv[1], "control"))
        SetConsoleCtrlHandler(control, TRUE);
    strcpy(VirtualAlloc(NULL, 4096, MEM_COMMIT, PAGE_READWRITE), "not this one");
    for (;;) {
        char *page = VirtualAlloc(NULL, 4096, MEM_COMMIT, PAGE_READWRITE);
        strcpy(page, "the quick brown fox");
        printf("%p\n", page);
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin))
            return 9;
        if (!strncmp(line, "exit ", 5))
            return atoi(line + 5);
    }
}
