/* Guest routines of the C run-time library: string.h without locale.
 *
 * Compiled for the guest (i386, freestanding), one section per function, no data, no calls. Rules: see kernel32.S. Each has a
 * Python handler of the same name, its tested reference.
 */
typedef unsigned int size_t;
typedef unsigned short wchar;
#define BARRIER __asm__ volatile("") /* keeps the compiler from turning a loop into a call of the function it implements */

size_t strlen(const char *s) { const char *p = s; while (*p) { p++; BARRIER; } return p - s; }

char *strcpy(char *d, const char *s) { char *r = d; while ((*d++ = *s++)) BARRIER; return r; }

char *strcat(char *d, const char *s)
{
    char *r = d;
    while (*d) { d++; BARRIER; }
    while ((*d++ = *s++)) BARRIER;
    return r;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b) { a++; b++; BARRIER; }
    int x = *(const unsigned char *)a, y = *(const unsigned char *)b;
    return x < y ? -1 : x > y;
}

int strncmp(const char *a, const char *b, size_t n)
{
    if (!n) return 0;
    while (--n && *a && *a == *b) { a++; b++; BARRIER; }
    int x = *(const unsigned char *)a, y = *(const unsigned char *)b;
    return x - y;
}

char *strncpy(char *d, const char *s, size_t n)
{
    char *r = d;
    while (n && *s) { *d++ = *s++; n--; BARRIER; }
    while (n--) { *d++ = 0; BARRIER; }
    return r;
}

char *strncat(char *d, const char *s, size_t n)
{
    char *r = d;
    while (*d) { d++; BARRIER; }
    while (n-- && *s) { *d++ = *s++; BARRIER; }
    *d = 0;
    return r;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        BARRIER;
        if (*s == (char)c) return (char *)s;
        if (!*s) return 0;
    }
}

char *strrchr(const char *s, int c)
{
    const char *found = 0;
    for (;; s++) {
        BARRIER;
        if (*s == (char)c) found = s;
        if (!*s) return (char *)found;
    }
}

char *strstr(const char *s, const char *t)
{
    if (!*t) return (char *)s;
    for (; *s; s++) {
        const char *a = s, *b = t;
        while (*b && *a == *b) { a++; b++; BARRIER; }
        if (!*b) return (char *)s;
    }
    return 0;
}

size_t strspn(const char *s, const char *set)
{
    const char *p = s;
    for (; *p; p++) {
        const char *q = set;
        while (*q && *q != *p) { q++; BARRIER; }
        if (!*q) break;
    }
    return p - s;
}

size_t strcspn(const char *s, const char *set)
{
    const char *p = s;
    for (; *p; p++) {
        const char *q = set;
        while (*q && *q != *p) { q++; BARRIER; }
        if (*q) break;
    }
    return p - s;
}

char *strpbrk(const char *s, const char *set)
{
    for (; *s; s++) {
        const char *q = set;
        while (*q && *q != *s) { q++; BARRIER; }
        if (*q) return (char *)s;
    }
    return 0;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;
    for (; n; n--, x++, y++) {
        BARRIER;
        if (*x != *y) return *x < *y ? -1 : 1;
    }
    return 0;
}

void *memchr(const void *s, int c, size_t n)
{
    const unsigned char *p = s;
    for (; n; n--, p++) {
        BARRIER;
        if (*p == (unsigned char)c) return (void *)p;
    }
    return 0;
}

size_t wcslen(const wchar *s) { const wchar *p = s; while (*p) { p++; BARRIER; } return p - s; }

wchar *wcscpy(wchar *d, const wchar *s) { wchar *r = d; while ((*d++ = *s++)) BARRIER; return r; }

wchar *wcscat(wchar *d, const wchar *s)
{
    wchar *r = d;
    while (*d) { d++; BARRIER; }
    while ((*d++ = *s++)) BARRIER;
    return r;
}

int wcscmp(const wchar *a, const wchar *b)
{
    while (*a && *a == *b) { a++; b++; BARRIER; }
    return *a < *b ? -1 : *a > *b;
}

wchar *wcschr(const wchar *s, wchar c)
{
    for (;; s++) {
        BARRIER;
        if (*s == c) return (wchar *)s;
        if (!*s) return 0;
    }
}

int abs(int v) { return v < 0 ? -v : v; }

long labs(long v) { return v < 0 ? -v : v; }
