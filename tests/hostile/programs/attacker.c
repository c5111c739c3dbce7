/* One small attack on the host, or on another program, per mode; what it found out goes to standard output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

__declspec(noinline) int victim(void) { return 1; }

static int patch(const char *what, int do_write)
{
    unsigned char *code = !strcmp(what, "own") ? (unsigned char *)victim
                                               : (unsigned char *)GetProcAddress(GetModuleHandle("kernel32"), what);
    DWORD old, code_size = 1;
    BOOL changed = VirtualProtect(code, code_size, PAGE_EXECUTE_READWRITE, &old);
    printf("%d %lu %02x\n", changed, changed ? 0 : GetLastError(), *code);
    if (changed && do_write)
        *code = 0xCC;
    printf("ready %02x\n", *code);
    fflush(stdout);
    getchar();
    return 0;
}

static int open_all(int count, char **names)
{
    for (int i = 0; i < count; i++) {
        char text[16] = "";
        DWORD got = 0;
        HANDLE file = CreateFileA(names[i], GENERIC_READ, FILE_SHARE_READ, 0, OPEN_EXISTING, 0, 0);
        if (file != INVALID_HANDLE_VALUE)
            ReadFile(file, text, sizeof text - 1, &got, 0);
        printf("%s\n", file == INVALID_HANDLE_VALUE ? "no" : text);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    DWORD count = 0;
    char text[64];
    if (!strcmp(mode, "read"))
        return ReadFile(GetStdHandle(STD_INPUT_HANDLE), text, sizeof text, &count, 0) ? 100 + (int)count : (int)GetLastError();
    if (!strcmp(mode, "write"))
        return WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), "x\n", 2, &count, 0) ? 0 : (int)GetLastError();
    if (!strcmp(mode, "patch"))
        return patch(argv[2], argc > 3);
    if (!strcmp(mode, "open"))
        return open_all(argc - 2, argv + 2);
    if (!strcmp(mode, "loop")) {
        puts("ready");
        fflush(stdout);
        for (;;) {
        }
    }
    if (!strcmp(mode, "fill")) {
        int blocks = 0;
        char *memory;
        while (blocks < 64 && (memory = VirtualAlloc(0, 1 << 20, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE)) != 0) {
            memset(memory, 1, 1 << 20);
            blocks++;
        }
        printf("%d %lu\n", blocks < 64 && blocks > 0, GetLastError());
        return 0;
    }
    if (!strcmp(mode, "hold")) {
        char *memory = VirtualAlloc(0, 0x10000, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
        memset(memory, 0x5A, 0x10000);
        printf("%p\n", memory);
        fflush(stdout);
        getchar();
        VirtualFree(memory, 0, MEM_RELEASE);
        puts("freed");
        fflush(stdout);
        getchar();
        return 0;
    }
    if (!strcmp(mode, "touch")) {
        volatile char *memory = (char *)strtoul(argv[2], 0, 16);
        printf("%02x\n", (unsigned char)memory[0]);
        fflush(stdout);
        getchar();
        printf("%02x\n", (unsigned char)memory[0]);
        return 0;
    }
    puts("hello");
    return 7;
}
