#include "../out.h"
/* Attributes, folders, searching with wild cards, path names. */
static void make(const char *name)
{
    HANDLE h = CreateFileA(name, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    DWORD n;
    WriteFile(h, name, strlen(name), &n, NULL);
    CloseHandle(h);
}
static void search(const char *pattern)
{
    static char names[40][MAX_PATH];
    WIN32_FIND_DATAA d;
    int n = 0;
    HANDLE h = (HANDLE)TRY(FindFirstFileA(pattern, &d));
    if (h == INVALID_HANDLE_VALUE) { say("%s: error %s\n", pattern, last()); return; }
    do {
        if (d.cFileName[0] == '.') continue;
        int at = n++;
        for (; at > 0 && lstrcmpA(names[at - 1], d.cFileName) > 0; at--) lstrcpyA(names[at], names[at - 1]);   /* order is the file system's */
        lstrcpyA(names[at], d.cFileName);
        if (d.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) lstrcatA(names[at], "\\");
    } while (n < 40 && TRY(FindNextFileA(h, &d)));
    say("%s:", pattern);
    for (int i = 0; i < n; i++) say(" %s", names[i]);
    say(" (%s)\n", last());
    FindClose(h);
}
int run(void)
{
    char path[MAX_PATH], *part;
    BOOL ok;
    DWORD n;
    say("create: %d\n", CreateDirectoryA("Base", NULL));
    ok = (BOOL)TRY(CreateDirectoryA("base", NULL)); say("create again, other case: %d error %s\n", ok, last());
    ok = (BOOL)TRY(CreateDirectoryA("none\\deep", NULL)); say("create below nothing: %d error %s\n", ok, last());
    say("change: %d\n", SetCurrentDirectoryA("Base"));
    n = GetCurrentDirectoryA(sizeof path, path);
    say("current: %d %s\n", n == strlen(path), path + (n > 5 ? n - 5 : 0));
    ok = (BOOL)TRY(SetCurrentDirectoryA("none")); say("change to nothing: %d error set: %d\n", ok, err != POISON);
    make("alpha.txt"); make("Beta.TXT"); make("gamma.c"); make("noext"); make("long file name.text"); make("x.tar.gz");
    CreateDirectoryA("Folder.d", NULL);
    make("Folder.d\\inside.txt");
    search("*.*"); search("*"); search("*.txt"); search("?e*.*"); search("*.c"); search("noext"); search("*."); search("folder.d\\*.txt");
    search("absent*"); search("none\\*"); search("*.gz"); search("l*.text"); search("alpha.tx?"); search("alpha.???"); search("GAMMA.C");
    n = GetFileAttributesA("alpha.txt"); say("attributes: archive %d directory %d\n", (n & FILE_ATTRIBUTE_ARCHIVE) != 0, (n & FILE_ATTRIBUTE_DIRECTORY) != 0);
    say("read-only: %d\n", SetFileAttributesA("alpha.txt", FILE_ATTRIBUTE_READONLY));
    say("is read-only: %d\n", (GetFileAttributesA("ALPHA.TXT") & FILE_ATTRIBUTE_READONLY) != 0);
    HANDLE h = (HANDLE)TRY(CreateFileA("alpha.txt", GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL));
    say("open for writing: %d error %s\n", h != INVALID_HANDLE_VALUE, last());
    ok = (BOOL)TRY(DeleteFileA("alpha.txt")); say("delete: %d error %s\n", ok, last());
    say("normal again: %d", SetFileAttributesA("alpha.txt", FILE_ATTRIBUTE_NORMAL)); say(", delete: %d\n", DeleteFileA("alpha.txt"));
    n = (DWORD)TRY(GetFileAttributesA("alpha.txt")); say("attributes of nothing: %08x error %s\n", n, last());
    n = (DWORD)TRY(GetFileAttributesA("none\\alpha.txt")); say("attributes below nothing: %08x error %s\n", n, last());
    ok = (BOOL)TRY(RemoveDirectoryA("Folder.d")); say("remove full folder: %d error %s\n", ok, last());
    ok = (BOOL)TRY(DeleteFileA("Folder.d")); say("delete a folder: %d error set: %d\n", ok, err != POISON);
    say("rename folder: %d\n", MoveFileA("Folder.d", "Renamed"));
    say("file moved with it: %d\n", GetFileAttributesA("renamed\\INSIDE.txt") != 0xFFFFFFFF);
    n = GetFullPathNameA("sub\\..\\.\\File.txt", sizeof path, path, &part);
    say("full path: %d ends %s, file part %s\n", n == strlen(path), path + n - 14, part);
    n = GetFullPathNameA("C:\\one\\two\\..\\three\\", sizeof path, path, &part); say("absolute: %s %u\n", path, n);
    n = GetFullPathNameA("C:\\..\\..\\top", sizeof path, path, &part); say("above the root: %s\n", path);
    n = GetFullPathNameA("C:/slashes/file", sizeof path, path, &part); say("slashes: %s\n", path);
    n = GetFullPathNameA("sub\\file", 3, path, &part); say("buffer too small: needs %d\n", n > 8);
    n = GetTempPathA(sizeof path, path); say("temporary path ends in a backslash: %d\n", path[n - 1] == '\\');
    n = GetTempFileNameA(".", "w9xtest", 0, path); say("temporary file: %d exists %d", n != 0, GetFileAttributesA(path) != 0xFFFFFFFF);
    n = strlen(path); say(" suffix %d\n", lstrcmpiA(path + n - 4, ".tmp") == 0); DeleteFileA(path);
    n = GetTempFileNameA(".", "abc", 0x12, path); say("with a number: %d\n", lstrcmpiA(path + strlen(path) - 10, "\\abc12.tmp") == 0);
    n = SearchPathA(NULL, "Beta", ".txt", sizeof path, path, &part); say("search path: %d %s\n", n != 0, n ? part : "");
    say("drive type of C: %u, of nothing: %u\n", GetDriveTypeA("C:\\"), GetDriveTypeA("1:\\"));
    say("drives: %d\n", (GetLogicalDrives() & 4) != 0);
    say("windows folder: %d, system folder: %d\n", GetWindowsDirectoryA(path, sizeof path) > 3, GetSystemDirectoryA(path, sizeof path) > 3);
    DeleteFileA("Renamed\\inside.txt"); RemoveDirectoryA("Renamed"); DeleteFileA("Beta.TXT"); DeleteFileA("gamma.c"); DeleteFileA("noext"); DeleteFileA("long file name.text"); DeleteFileA("x.tar.gz");
    say("back: %d", SetCurrentDirectoryA("..")); say(", removed: %d\n", RemoveDirectoryA("Base"));
    return 0;
}
