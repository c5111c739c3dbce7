/* Tiny run-time for the benchmark programs: Win32 kernel32 only (no CRT), or POSIX when built natively. */
#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
static void b_write(const char *s, int n) { DWORD w; WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), s, n, &w, 0); }
static unsigned long long b_us(void)
{
    static LARGE_INTEGER f; LARGE_INTEGER t;
    if (!f.QuadPart) QueryPerformanceFrequency(&f);
    if (f.QuadPart <= 1) return GetTickCount() * 1000ull;      /* an implementation whose QueryPerformanceCounter is a stub */
    QueryPerformanceCounter(&t);
    return (unsigned long long)(t.QuadPart / f.QuadPart) * 1000000ull + (unsigned long long)(t.QuadPart % f.QuadPart) * 1000000ull / f.QuadPart;
}
static void *b_alloc(unsigned n) { return VirtualAlloc(0, n, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE); }
static void b_exit(int c) { ExitProcess(c); }
static const char *b_args(void) { const char *p = GetCommandLineA(); if (*p == '"') { p++; while (*p && *p != '"') p++; if (*p) p++; } else while (*p && *p != ' ') p++; while (*p == ' ') p++; return p; }
/* gcc may emit these */
void *memcpy(void *d, const void *s, size_t n) { char *a = d; const char *b = s; while (n--) { *a++ = *b++; __asm__ volatile(""); } return d; }
void *memset(void *d, int c, size_t n) { char *a = d; while (n--) { *a++ = c; __asm__ volatile(""); } return d; }
#define MAIN(body) void start(void) { b_main(b_args()); b_exit(0); }
#else
#include <unistd.h>
#include <time.h>
#include <sys/mman.h>
static void b_write(const char *s, int n) { if (write(1, s, n)) {} }
static unsigned long long b_us(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000ull + t.tv_nsec / 1000; }
static void *b_alloc(unsigned n) { return mmap(0, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }
static void b_exit(int c) { _exit(c); }
#define MAIN(body) int main(int c, char **v) { b_main(c > 1 ? v[1] : ""); b_exit(0); return 0; }
#endif
static int b_len(const char *s) { int n = 0; while (s[n]) n++; return n; }
static void b_puts(const char *s) { b_write(s, b_len(s)); }
static char *b_dec(char *p, unsigned long long v) { char t[24]; int n = 0; do { t[n++] = '0' + (int)(v % 10); v /= 10; } while (v); while (n) *p++ = t[--n]; return p; }
static char *b_hex(char *p, unsigned v) { for (int i = 28; i >= 0; i -= 4) *p++ = "0123456789abcdef"[(v >> i) & 15]; return p; }
static char *b_str(char *p, const char *s) { while (*s) *p++ = *s++; return p; }
/* R <name> <microseconds> <checksum> */
static void b_result(const char *name, unsigned long long us, unsigned sum)
{
    char l[128], *p = l; p = b_str(p, "R "); p = b_str(p, name); *p++ = ' '; p = b_dec(p, us); *p++ = ' '; p = b_hex(p, sum); p = b_str(p, "\r\n"); b_write(l, (int)(p - l));
}
static void b_fail(const char *what, unsigned code)
{
    char l[160], *p = l; p = b_str(p, "FAIL "); p = b_str(p, what); *p++ = ' '; p = b_hex(p, code); p = b_str(p, "\r\n"); b_write(l, (int)(p - l));
}
/* optional argument: divisor of the iteration counts (for very slow peers) */
static int b_num(const char *s) { int v = 0; while (*s >= '0' && *s <= '9') v = v * 10 + *s++ - '0'; return v; }
#define TIME(name, expr) do { unsigned long long t0_ = b_us(); unsigned s_ = (unsigned)(expr); unsigned long long t1_ = b_us(); b_result(name, t1_ - t0_, s_); } while (0)
