#include "../out.h"
/* Conversions between the kinds of time, and that clocks go forward. */
static void system_of(DWORD high, DWORD low)
{
    FILETIME f = { low, high };
    SYSTEMTIME s;
    memset(&s, 0x55, sizeof s);
    BOOL ok = (BOOL)TRY(FileTimeToSystemTime(&f, &s));
    if (!ok) { say("%08x%08x: error %s\n", high, low, last()); return; }
    say("%08x%08x: %d-%02d-%02d day %d %02d:%02d:%02d.%03d", high, low, s.wYear, s.wMonth, s.wDay, s.wDayOfWeek, s.wHour, s.wMinute, s.wSecond, s.wMilliseconds);
    FILETIME back;
    ok = SystemTimeToFileTime(&s, &back);
    say(" back %d %08x%08x\n", ok, back.dwHighDateTime, back.dwLowDateTime);
}
static void file_of(WORD y, WORD mo, WORD d, WORD h, WORD mi, WORD s, WORD ms)
{
    SYSTEMTIME t = { y, mo, 0, d, h, mi, s, ms };
    FILETIME f = { 0, 0 };
    BOOL ok = (BOOL)TRY(SystemTimeToFileTime(&t, &f));
    say("%d-%d-%d %d:%d:%d.%d: %d %08x%08x error %s\n", y, mo, d, h, mi, s, ms, ok, f.dwHighDateTime, f.dwLowDateTime, last());
}
int run(void)
{
    WORD date, clock;
    FILETIME f, g;
    SYSTEMTIME s;
    system_of(0, 0); system_of(0x019DB1DE, 0xD53E8000); system_of(0x01BF53EB, 0x256D4000); system_of(0x01DB5C87, 0x12345678); system_of(0x40000000, 0); system_of(0x80000000, 0);
    file_of(2000, 2, 29, 12, 0, 0, 0); file_of(1900, 2, 29, 0, 0, 0, 0); file_of(1601, 1, 1, 0, 0, 0, 0); file_of(1600, 12, 31, 0, 0, 0, 0);
    file_of(1999, 12, 31, 23, 59, 59, 999); file_of(2000, 13, 1, 0, 0, 0, 0); file_of(2000, 4, 31, 0, 0, 0, 0); file_of(2000, 1, 1, 24, 0, 0, 0);
    BOOL ok = DosDateTimeToFileTime(0x285D, 0x645D, &f);
    say("from DOS: %d %08x%08x\n", ok, f.dwHighDateTime, f.dwLowDateTime);
    ok = FileTimeToDosDateTime(&f, &date, &clock);
    say("to DOS: %d %04x %04x\n", ok, date, clock);
    g = f; g.dwLowDateTime += 1;
    say("compare: %d %d %d\n", CompareFileTime(&f, &g), CompareFileTime(&g, &f), CompareFileTime(&f, &f));
    FileTimeToLocalFileTime(&f, &g); LocalFileTimeToFileTime(&g, &g);
    say("local and back: %d\n", CompareFileTime(&f, &g));
    GetSystemTime(&s); SystemTimeToFileTime(&s, &f); GetSystemTimeAsFileTime(&g);
    DWORD apart = g.dwLowDateTime - f.dwLowDateTime;
    say("both clocks agree to 100 ms: %d, year is plausible: %d\n", (int)apart > -1000000 && (int)apart < 1000000, s.wYear >= 2024 && s.wYear < 2100);
    DWORD t0 = GetTickCount(), slept;
    Sleep(60);
    slept = GetTickCount() - t0;
    say("Sleep(60) took long enough: %d, not far too long: %d\n", slept >= 40, slept < 2000);
    LARGE_INTEGER frequency, a, b;
    ok = QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&a); Sleep(20); QueryPerformanceCounter(&b);
    say("performance counter: %d, faster than 1 kHz: %d, advances: %d\n", ok, frequency.QuadPart > 1000, b.QuadPart > a.QuadPart);
    TIME_ZONE_INFORMATION z;
    say("time zone known: %d\n", GetTimeZoneInformation(&z) <= 2);
    return 0;
}
