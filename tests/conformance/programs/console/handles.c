/*: stdin hello, world */
#include "../out.h"
/* Standard handles that are pipes: types, reading to the end, a handle that does not exist. */
int run(void)
{
    DWORD mode;
    BOOL ok;
    HANDLE out = GetStdHandle(STD_OUTPUT_HANDLE), in = GetStdHandle(STD_INPUT_HANDLE);
    ok = GetConsoleMode(out, &mode);
    say("output is a pipe: %d, console mode: %d\n", GetFileType(out) == FILE_TYPE_PIPE, ok);
    char buffer[16];
    DWORD n = 77;
    ok = ReadFile(in, buffer, 5, &n, NULL); buffer[n] = 0;
    say("input: %d %u %s\n", ok, n, buffer);
    ok = ReadFile(in, buffer, 15, &n, NULL); buffer[n] = 0;
    say("rest: %d %u %s\n", ok, n, buffer);
    ok = (BOOL)TRY(ReadFile(in, buffer, 15, &n, NULL));
    say("end of a pipe: %d %u error %s\n", ok, n, last());
    ok = WriteFile(GetStdHandle(STD_ERROR_HANDLE), "to the error stream\r\n", 21, &n, NULL);
    say("error stream: %d %u\n", ok, n);
    HANDLE two = (HANDLE)77, kept = GetStdHandle(STD_INPUT_HANDLE);
    ok = SetStdHandle(STD_INPUT_HANDLE, two);
    say("set: %d %d", ok, GetStdHandle(STD_INPUT_HANDLE) == two);
    say(" back: %d\n", SetStdHandle(STD_INPUT_HANDLE, kept));
    HANDLE bad = (HANDLE)TRY(GetStdHandle(123));
    say("no such handle: %08x\n", bad);
    return 0;
}
