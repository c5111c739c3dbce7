/* Output for conformance programs that use no C runtime: formatted lines through WriteFile, nothing else.
   say(format, ...) knows %s %c %d %u %x %08x (any width, zero-filled) and ends nothing by itself.
   TRY(expr) evaluates with the last error poisoned, so `err` tells whether the call touched it. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <stdarg.h>

#define POISON 0xDEADBEEFu
static DWORD err;
#define TRY(expr) (SetLastError(POISON), saved_ = (ULONG_PTR)(expr), err = GetLastError(), saved_)
static ULONG_PTR saved_;

void *memcpy(void *d, const void *s, size_t n) { char *a = d; const char *b = s; while (n--) { *a++ = *b++; __asm__ volatile(""); } return d; }
void *memset(void *d, int c, size_t n) { char *a = d; while (n--) { *a++ = (char)c; __asm__ volatile(""); } return d; }
int memcmp(const void *x, const void *y, size_t n) { const unsigned char *a = x, *b = y; for (; n; n--, a++, b++) { __asm__ volatile(""); if (*a != *b) return *a - *b; } return 0; }
size_t strlen(const char *s) { size_t n = 0; while (s[n]) { __asm__ volatile(""); n++; } return n; }

static void put(const char *text, DWORD length)
{
    DWORD done;
    while (length && WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), text, length, &done, NULL) && done) text += done, length -= done;
}

static char *number(char *end, unsigned value, unsigned base)
{
    do *--end = "0123456789abcdef"[value % base]; while (value /= base);
    return end;
}

static void say(const char *format, ...)
{
    char line[1024], digits[16], *p = line, *limit = line + sizeof line - 32;
    va_list list;
    va_start(list, format);
    for (; *format && p < limit; format++) {
        if (*format == '\n') { *p++ = '\r'; *p++ = '\n'; continue; }
        if (*format != '%') { *p++ = *format; continue; }
        int width = 0;
        while (*++format >= '0' && *format <= '9') width = width * 10 + *format - '0';
        char *end = digits + sizeof digits, *d = end;
        if (*format == 's') {
            const char *s = va_arg(list, const char *);
            for (s = s ? s : "(null)"; *s && p < limit; s++) *p++ = *s;
        } else if (*format == 'c') *p++ = (char)va_arg(list, int);
        else if (*format == 'x') d = number(end, va_arg(list, unsigned), 16);
        else if (*format == 'u') d = number(end, va_arg(list, unsigned), 10);
        else if (*format == 'd') {
            int v = va_arg(list, int);
            d = number(end, v < 0 ? 0u - (unsigned)v : (unsigned)v, 10);
            if (v < 0) *--d = '-';
        } else *p++ = *format;
        if (d != end) { while (end - d < width) *--d = '0'; while (d < end) *p++ = *d++; }
    }
    va_end(list);
    put(line, (DWORD)(p - line));
}

/* the last error as a word: "untouched" when the call left it alone */
static const char *last(void)
{
    static char text[24];
    if (err == POISON) return "untouched";
    char *d = number(text + 23, err, 10);
    text[23] = 0;
    return d;
}

#ifndef NO_START                                   /* a DLL has its own entry point */
int run(void);
void start(void) { ExitProcess((UINT)run()); }
#endif
