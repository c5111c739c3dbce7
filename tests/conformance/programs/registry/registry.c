/*: libs advapi32 */
#include "../out.h"
/* The registry: every function returns its error code; types, sizes, enumeration, recursive deletion on Windows 9x. */
int run(void)
{
    HKEY base, key, sub;
    DWORD disposition, type, size, value = 0x12345678, subkeys, values, longest;
    char data[64], name[64];
    LONG r = RegCreateKeyExA(HKEY_CURRENT_USER, "Software\\w9x conformance\\deep\\er", 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key, &disposition);
    say("create: %d disposition %u\n", r, disposition);
    r = RegCreateKeyExA(HKEY_CURRENT_USER, "SOFTWARE\\W9X Conformance\\Deep", 0, NULL, 0, KEY_ALL_ACCESS, NULL, &base, &disposition);
    say("open by creating: %d disposition %u\n", r, disposition);
    r = RegOpenKeyExA(base, "absent", 0, KEY_READ, &sub); say("open absent: %d\n", r);
    r = RegOpenKeyA(base, "ER", &sub); say("open, other case: %d\n", r); RegCloseKey(sub);
    say("set: %d", RegSetValueExA(key, "text", 0, REG_SZ, (BYTE *)"some text", 10));
    say(" %d", RegSetValueExA(key, "number", 0, REG_DWORD, (BYTE *)&value, 4));
    say(" %d", RegSetValueExA(key, "bytes", 0, REG_BINARY, (BYTE *)"\0\1\2\xff", 4));
    say(" %d", RegSetValueExA(key, "many", 0, REG_MULTI_SZ, (BYTE *)"one\0two\0", 9));
    say(" %d", RegSetValueExA(key, "expand", 0, REG_EXPAND_SZ, (BYTE *)"%windir%", 9));
    say(" %d\n", RegSetValueExA(key, NULL, 0, REG_SZ, (BYTE *)"default", 8));
    size = sizeof data; r = RegQueryValueExA(key, "TEXT", NULL, &type, (BYTE *)data, &size); say("text: %d type %u size %u %s\n", r, type, size, data);
    size = 4; value = 0; r = RegQueryValueExA(key, "number", NULL, &type, (BYTE *)&value, &size); say("number: %d type %u size %u %x\n", r, type, size, value);
    size = sizeof data; r = RegQueryValueExA(key, "bytes", NULL, &type, (BYTE *)data, &size); say("bytes: %d type %u size %u %x\n", r, type, size, *(DWORD *)data);
    size = sizeof data; r = RegQueryValueExA(key, "many", NULL, &type, (BYTE *)data, &size); say("many: %d type %u size %u %s %s\n", r, type, size, data, data + 4);
    size = sizeof data; r = RegQueryValueExA(key, "", NULL, &type, (BYTE *)data, &size); say("default: %d type %u size %u %s\n", r, type, size, data);
    size = 3; r = RegQueryValueExA(key, "text", NULL, &type, (BYTE *)data, &size); say("too small: %d size %u\n", r, size);
    size = 0; r = RegQueryValueExA(key, "text", NULL, &type, NULL, &size); say("size only: %d size %u\n", r, size);
    size = sizeof data; r = RegQueryValueExA(key, "absent", NULL, &type, (BYTE *)data, &size); say("absent: %d\n", r);
    r = RegQueryInfoKeyA(key, NULL, NULL, NULL, &subkeys, NULL, NULL, &values, &longest, NULL, NULL, NULL);
    say("information: %d subkeys %u values %u longest name %u\n", r, subkeys, values, longest);
    int seen = 0;
    for (DWORD i = 0; ; i++) {
        DWORD length = sizeof name;
        size = sizeof data;
        r = RegEnumValueA(key, i, name, &length, NULL, &type, (BYTE *)data, &size);
        if (r) break;
        seen += length == strlen(name);
    }
    say("enumerated: %d then %d\n", seen, r);
    RegCreateKeyA(key, "child one", &sub); RegCloseKey(sub); RegCreateKeyA(key, "child two", &sub); RegSetValueExA(sub, "v", 0, REG_SZ, (BYTE *)"x", 2); RegCloseKey(sub);
    seen = 0;
    for (DWORD i = 0; RegEnumKeyA(key, i, name, sizeof name) == 0; i++) seen += memcmp(name, "child ", 6) == 0;
    say("children: %d\n", seen);
    say("delete value: %d", RegDeleteValueA(key, "text")); say(" again: %d\n", RegDeleteValueA(key, "text"));
    RegFlushKey(key); RegCloseKey(key);
    r = RegDeleteKeyA(base, "er"); say("delete with children: %d\n", r);   /* Windows 9x: recursively */
    r = RegOpenKeyA(base, "er", &sub); say("gone: %d\n", r);
    RegCloseKey(base);
    r = RegDeleteKeyA(HKEY_CURRENT_USER, "Software\\w9x conformance"); say("delete all: %d, again: %d\n", r, RegDeleteKeyA(HKEY_CURRENT_USER, "Software\\w9x conformance"));
    r = RegOpenKeyA(HKEY_LOCAL_MACHINE, "Software\\Microsoft\\Windows\\CurrentVersion", &key); say("Windows' own key: %d\n", r);
    r = RegCloseKey((HKEY)0x12345); say("close nonsense fails: %d\n", r != 0);
    return 0;
}
