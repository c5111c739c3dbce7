#include "../out.h"
/* CreateFile's dispositions, reading, writing, seeking, truncation, sharing, deletion; last errors. */
static HANDLE open(const char *name, DWORD access, DWORD disposition)
{
    return (HANDLE)TRY(CreateFileA(name, access, 0, NULL, disposition, FILE_ATTRIBUTE_NORMAL, NULL));
}
/* success says something about the last error only with the two ALWAYS dispositions */
static void outcome(const char *title, HANDLE h)
{
    if (h == INVALID_HANDLE_VALUE || err == ERROR_ALREADY_EXISTS) say("%s: %s, error %s\n", title, h == INVALID_HANDLE_VALUE ? "failed" : "ok", last());
    else say("%s: ok\n", title);
}
int run(void)
{
    char buffer[64];
    DWORD n, high;
    BOOL ok;
    HANDLE h = open("a.dat", GENERIC_READ, OPEN_EXISTING);
    outcome("open absent", h);
    h = open("none\\a.dat", GENERIC_READ, OPEN_EXISTING); outcome("open in absent folder", h);
    h = open("a.dat", GENERIC_WRITE, TRUNCATE_EXISTING); outcome("truncate absent", h);
    h = open("a.dat", GENERIC_WRITE, CREATE_NEW); outcome("create new", h);
    ok = WriteFile(h, "0123456789", 10, &n, NULL);
    say("write: %d %u, type %u\n", ok, n, GetFileType(h));
    ok = (BOOL)TRY(ReadFile(h, buffer, 4, &n, NULL));
    say("read without the right: %d error %s\n", ok, last());
    CloseHandle(h);
    h = open("a.dat", GENERIC_WRITE, CREATE_NEW); outcome("create new again", h);
    h = open("a.dat", GENERIC_READ | GENERIC_WRITE, OPEN_ALWAYS); outcome("open always, there", h);
    HANDLE second = open("a.dat", GENERIC_READ, OPEN_EXISTING); outcome("open while not shared", second);
    say("size: %u\n", GetFileSize(h, &high));
    say("seek: %u", SetFilePointer(h, 3, NULL, FILE_BEGIN)); say(" %u", SetFilePointer(h, 2, NULL, FILE_CURRENT)); say(" %u\n", SetFilePointer(h, -1, NULL, FILE_END));
    n = (DWORD)TRY(SetFilePointer(h, -20, NULL, FILE_CURRENT));
    say("seek before the start: %08x error %s\n", n, last());
    SetFilePointer(h, 4, NULL, FILE_BEGIN);
    ok = ReadFile(h, buffer, 3, &n, NULL); buffer[n] = 0;
    say("read: %d %u %s\n", ok, n, buffer);
    ok = ReadFile(h, buffer, 60, &n, NULL); buffer[n] = 0;
    say("read short: %d %u %s\n", ok, n, buffer);
    ok = (BOOL)TRY(ReadFile(h, buffer, 60, &n, NULL));
    say("read at the end: %d %u, error %s\n", ok, n, last());
    SetFilePointer(h, 5, NULL, FILE_BEGIN);
    ok = SetEndOfFile(h);
    say("truncate: %d size %u\n", ok, GetFileSize(h, NULL));
    SetFilePointer(h, 20, NULL, FILE_BEGIN);
    WriteFile(h, "end", 3, &n, NULL);
    say("write past the end: size %u\n", GetFileSize(h, NULL));
    SetFilePointer(h, 4, NULL, FILE_BEGIN);
    memset(buffer, 'x', sizeof buffer);
    ok = ReadFile(h, buffer, 2, &n, NULL);
    say("before the gap: %c then %c\n", buffer[0], buffer[2]);
    ok = WriteFile(h, "", 0, &n, NULL);
    say("zero bytes written: %d %u, size %u\n", ok, n, GetFileSize(h, NULL));
    FILETIME t = { 0x114E3000, 0x01BF0000 }, c, a, w;
    say("set time: %d\n", SetFileTime(h, NULL, NULL, &t));
    say("flush: %d\n", FlushFileBuffers(h));
    say("close: %d\n", CloseHandle(h));
    ok = (BOOL)TRY(WriteFile(h, "x", 1, &n, NULL));
    say("write to a closed handle: %d error %s\n", ok, last());
    h = open("a.dat", GENERIC_READ, OPEN_EXISTING);
    GetFileTime(h, &c, &a, &w);
    FileTimeToDosDateTime(&w, (WORD *)&buffer[0], (WORD *)&buffer[2]);
    say("time kept: %08x\n", *(DWORD *)buffer);
    BY_HANDLE_FILE_INFORMATION info;
    ok = GetFileInformationByHandle(h, &info);
    say("information: %d size %u links %u\n", ok, info.nFileSizeLow, info.nNumberOfLinks);
    CloseHandle(h);
    h = open("a.dat", GENERIC_WRITE, CREATE_ALWAYS); outcome("create always, there", h);
    say("emptied: %u\n", GetFileSize(h, NULL));
    CloseHandle(h);
    h = open("b.dat", GENERIC_WRITE, OPEN_ALWAYS); say("open always, new: %d error %s\n", h != INVALID_HANDLE_VALUE, last()); CloseHandle(h);
    ok = (BOOL)TRY(MoveFileA("a.dat", "b.dat")); say("move onto a file: %d error %s\n", ok, last());
    ok = (BOOL)TRY(MoveFileA("a.dat", "c.dat")); say("move: %d error %s\n", ok, last());
    ok = (BOOL)TRY(CopyFileA("c.dat", "b.dat", TRUE)); say("copy onto a file: %d error %s\n", ok, last());
    ok = (BOOL)TRY(CopyFileA("c.dat", "d.dat", TRUE)); say("copy: %d\n", ok);
    ok = (BOOL)TRY(DeleteFileA("a.dat")); say("delete absent: %d error %s\n", ok, last());
    ok = (BOOL)TRY(DeleteFileA("none\\a.dat")); say("delete in absent folder: %d error %s\n", ok, last());
    say("delete: %d %d %d\n", DeleteFileA("b.dat"), DeleteFileA("c.dat"), DeleteFileA("d.dat"));
    h = CreateFileA("NUL", GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    ok = WriteFile(h, "gone", 4, &n, NULL);
    say("NUL: write %d %u", ok, n); ok = ReadFile(h, buffer, 4, &n, NULL); say(" read %d %u type %u\n", ok, n, GetFileType(h));
    CloseHandle(h);
    h = CreateFileA("t.tmp", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_NEW, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    CloseHandle(h);
    n = (DWORD)TRY(GetFileAttributesA("t.tmp"));
    say("deleted on close: %08x error %s\n", n, last());
    return 0;
}
