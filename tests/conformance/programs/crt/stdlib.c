/*: crt */
/* The C runtime's library: sorting, searching, jumps, strings, numbers, characters, time, memory, exit handlers. */
#define __USE_MINGW_ANSI_STDIO 0
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
static int compares;
static int by_value(const void *a, const void *b) { compares++; return *(const int *)a - *(const int *)b; }
static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }
static jmp_buf place;
static void deep(int n) { if (n == 0) longjmp(place, 3); deep(n - 1); }
static int out_of_sort(const void *a, const void *b) { (void)a; (void)b; longjmp(place, 9); }
static void first(void) { puts("exit handler one"); }
static void second(void) { puts("exit handler two"); }
static void on_signal(int s) { printf("signal %d\n", s); }
int main(void)
{
    static int v[1000];
    unsigned x = 1;
    for (int i = 0; i < 1000; i++) { x = x * 1103515245u + 12345u; v[i] = (int)(x >> 16) % 5000; }
    qsort(v, 1000, sizeof *v, by_value);
    int sorted = 1;
    for (int i = 1; i < 1000; i++) sorted &= v[i - 1] <= v[i];
    int key = v[500], *found = bsearch(&key, v, 1000, sizeof *v, by_value);
    printf("sorted %d, found %d, compared at all %d\n", sorted, found && *found == key, compares > 1000);
    const char *words[] = { "pear", "apple", "fig", "banana" };
    qsort(words, 4, sizeof *words, by_text); printf("%s %s %s %s\n", words[0], words[1], words[2], words[3]);
    volatile int kept = 5;
    int r = setjmp(place);
    if (r == 0) { kept = 6; deep(50); }
    if (r == 3) { printf("jump %d kept %d\n", r, kept); qsort(v, 1000, sizeof *v, out_of_sort); }
    printf("out of a callback %d\n", r);
    char *end, b[100];
    printf("%ld %ld %lu %ld", strtol("  -123xyz", &end, 10), strtol("0x7f", NULL, 0), strtoul("777", NULL, 8), strtol("zz", NULL, 36)); printf(" rest %s\n", end);
    errno = 0; printf("%d", strtol("99999999999", NULL, 10) == LONG_MAX); printf(" %d\n", errno);
    printf("%g %g %d %g\n", strtod("1.5e3x", &end), atof("-.25"), atoi("12abc"), strtod("nothing", NULL));
    printf("%s %s %s\n", _itoa(-255, b, 10), _itoa(255, b + 20, 16), _ultoa(5, b + 40, 2));
    strcpy(b, "a,b;;c"); for (char *t = strtok(b, ",;"); t; t = strtok(NULL, ",;")) printf("(%s)", t); puts("");
    printf("%d %d %d %d\n", strcmp("a", "b") < 0, strncmp("abc", "abd", 2), _stricmp("HeLLo", "hEllO"), _strnicmp("ABCx", "abcy", 3));
    printf("%s %s %s %d %d\n", strchr("hello", 'l'), strrchr("hello", 'l'), strstr("hello world", "o w"), (int)strspn("aabbc", "ab"), (int)strcspn("hello", "l"));
    strcpy(b, "Mixed"); printf("%s ", _strupr(b)); printf("%s ", _strlwr(b)); printf("%s\n", _strrev(b));
    memmove(b + 1, b, 5); printf("%.6s %d\n", b, memcmp("abc", "abd", 3) < 0); memset(b, '-', 4); printf("%.5s %s\n", b, (char *)memchr("find", 'n', 4));
    printf("%d%d%d%d%d%d %c%c\n", isalpha('a') != 0, isdigit('5') != 0, isspace('\t') != 0, isupper('a') != 0, ispunct('!') != 0, isxdigit('G') != 0, toupper('q'), tolower('Q'));
    printf("%.6f %.6f %.6f %.6f %.6f\n", sin(1), cos(1), tan(1), atan2(1, -1), exp(1));
    printf("%.6f %.6f %.6f %g %g %g\n", log(10), log10(1000), pow(2, 0.5), floor(-1.5), ceil(-1.5), fmod(7.5, 2));
    int e; double m = frexp(40, &e), i, fr = modf(-3.75, &i); printf("%g %d %g %g %g %d %ld\n", m, e, fr, i, ldexp(0.75, 4), abs(-3), labs(-4L));
    div_t d = div(-7, 2); printf("%d %d %g %g\n", d.quot, d.rem, sqrt(2) * sqrt(2), fabs(-1.5));
    srand(1); int r1 = rand(), r2 = rand(); srand(1); printf("%d %d %d\n", r1, r2, rand() == r1);
    time_t t = 951826496; struct tm *g = gmtime(&t);
    strftime(b, sizeof b, "%Y-%m-%d %H:%M:%S %j %a %B", g); printf("%s %d %d\n", b, g->tm_wday, g->tm_yday);
    struct tm mk = { .tm_year = 100, .tm_mon = 13, .tm_mday = 31, .tm_hour = 12 }; t = mktime(&mk); printf("%d %d %d\n", mk.tm_year, mk.tm_mon, mk.tm_mday);
    printf("%.24s\n", asctime(g));
    char *p = malloc(10); strcpy(p, "grow"); p = realloc(p, 100000); printf("%s %d", p, p[4]); free(p); p = calloc(100, 4); printf(" %d\n", p[399]); free(p); free(NULL);
    signal(SIGTERM, on_signal); raise(SIGTERM);
    printf("%s %d\n", getenv("W9X_NOT_SET") ? "set" : "not set", _putenv("W9X_CRT=yes")); printf("%s\n", getenv("W9X_CRT"));
    atexit(first); atexit(second);
    exit(77);
}
