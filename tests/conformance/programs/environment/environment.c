/*: env W9X_CASE=Mixed Case */
#include "../out.h"
/* Environment variables: names without case, sizes, deletion, the block, expansion. */
int run(void)
{
    char v[64];
    DWORD n = GetEnvironmentVariableA("w9x_case", v, sizeof v);
    say("given from outside: %u %s\n", n, v);
    n = (DWORD)TRY(GetEnvironmentVariableA("W9X_ABSENT", v, sizeof v));
    say("absent: %u error %s\n", n, last());
    say("set: %d\n", SetEnvironmentVariableA("W9X_One", "12345"));
    n = GetEnvironmentVariableA("w9X_oNE", v, sizeof v); say("get: %u %s\n", n, v);
    n = GetEnvironmentVariableA("W9X_ONE", v, 6); say("exact buffer: %u %s\n", n, v);
    v[0] = 'z';
    n = GetEnvironmentVariableA("W9X_ONE", v, 5); say("one too small needs: %u\n", n);
    SetEnvironmentVariableA("W9X_ONE", "longer value");
    int found = 0, sorted = 0;
    char *block = GetEnvironmentStrings();
    for (char *p = block; *p; p += strlen(p) + 1) {
        if (memcmp(p, "W9X_O", 5) == 0) found++;
        sorted++;
    }
    say("in the block: %d, block has more: %d\n", found, sorted > 3);
    FreeEnvironmentStringsA(block);
    n = ExpandEnvironmentStringsA("<%w9x_one%> %W9X_ABSENT% 100%", v, sizeof v);
    say("expanded: %u %s\n", n, v);
    say("deleted: %d\n", SetEnvironmentVariableA("W9X_ONE", NULL));
    n = (DWORD)TRY(GetEnvironmentVariableA("W9X_ONE", v, sizeof v)); say("gone: %u error %s\n", n, last());
    n = GetEnvironmentVariableA("PATH", NULL, 0); say("PATH is set: %d\n", n > 1);
    n = GetEnvironmentVariableA("WINDIR", v, sizeof v); say("windir is set: %d\n", n > 1 && v[1] == ':');
    return 0;
}
