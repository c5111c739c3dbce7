/*: crt */
/*: stdin 42 -7 0x1f 3.5e2 word rest of the line\nsecond line\n1,2;3 */
/* printf, scanf and files of the C runtime (msvcrt): formats as Microsoft's documentation describes them. */
#define __USE_MINGW_ANSI_STDIO 0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(void)
{
    char b[200], w[20];
    int a, c, h, n;
    float f;
    printf("[%d] [%5d] [%-5d] [%05d] [%+d] [% d] [%.3d]\n", 42, 42, 42, 42, 42, 42, 7);
    printf("[%u] [%x] [%X] [%#x] [%o] [%#o] [%c] [%%]\n", 4000000000u, 48879, 48879, 48879, 8, 8, 'c');
    printf("[%s] [%10s] [%-10s] [%.2s] [%*.*s] [%s]\n", "text", "text", "text", "text", 6, 3, "abcdef", (char *)NULL);
    printf("[%f] [%.2f] [%10.3f] [%-10.1f] [%e] [%E] [%.0f] [%#.0f]\n", 3.14159265, 2.675, 1.5, 2.25, 12345.678, 0.00012, 2.5, 2.0);
    printf("[%g] [%g] [%g] [%G] [%g] [%.3g] [%#g]\n", 100000.0, 1000000.0, 0.0001, 0.00001, 1e-5, 3.14159, 1.0);
    printf("[%ld] [%lu] [%hd] [%I64d] [%I64x] [%08.3f] [%p]\n", -5L, 5ul, 70000, 1234567890123456789LL, 0xFEDCBA9876543210ULL, -3.14159, (void *)0x1234ABCD);
    n = printf("%s%n\n", "count", &c);
    printf("%d\n", n);
    n = sprintf(b, "%d-%s", 5, "x"); printf("%d %s\n", n, b);
    n = _snprintf(b, 5, "%s", "longer than five"); printf("%d %.5s\n", n, b);
    n = scanf("%d %d %x %f %19s", &a, &c, &h, &f, w); printf("%d: %d %d %x %g %s\n", n, a, c, h, f, w);
    printf("[%s", fgets(b, sizeof b, stdin)); printf("] ["); printf("%s]\n", fgets(b, sizeof b, stdin));
    n = scanf("%d,%d;%d", &a, &c, &h); printf("%d: %d %d %d, ", n, a, c, h); n = getchar(); printf("then %d eof %d\n", n, feof(stdin) != 0);
    n = sscanf("abc123 [x] 17%", "%3c%d [%[a-z]] %i%%", b, &a, w, &c); b[3] = 0; printf("%d: %s %d %s %d\n", n, b, a, w, c);
    n = sscanf("none", "%d", &a); printf("%d %d\n", n, sscanf("", "%d", &a));
    FILE *p = fopen("crt.txt", "w");
    fprintf(p, "one\ntwo\n"); fputs("three", p); fputc('\n', p); fclose(p);
    p = fopen("crt.txt", "rb"); n = (int)fread(b, 1, sizeof b, p); printf("%d bytes, %d returns\n", n, b[3] == '\r' && b[4] == '\n'); fclose(p);
    p = fopen("crt.txt", "r"); while (fgets(b, sizeof b, p)) { b[strcspn(b, "\n")] = 0; printf("<%s %d>", b, (int)strlen(b)); } printf(" %d\n", feof(p) != 0);
    rewind(p); fseek(p, 5, SEEK_SET); n = (int)ftell(p); printf("%d %c", n, fgetc(p)); ungetc('Z', p); printf("%c\n", fgetc(p)); fclose(p);
    p = fopen("crt.txt", "ab"); fwrite("\x1a tail", 1, 6, p); fflush(p); printf("%ld\n", ftell(p)); fclose(p);
    p = fopen("crt.txt", "r"); n = 0; while (fgetc(p) != EOF) n++; printf("text mode ends at Ctrl-Z: %d\n", n); fclose(p);
    p = fopen("crt.txt", "r+b"); fseek(p, 0, SEEK_END); printf("%ld\n", ftell(p)); setvbuf(p, NULL, _IOFBF, 512); fseek(p, 2, SEEK_SET); fputc('E', p); fseek(p, 0, SEEK_SET); fgets(b, 5, p); printf("%.3s\n", b); fclose(p);
    errno = 0; p = fopen("absent.txt", "r"); printf("%d %d %s\n", p == NULL, errno, strerror(errno));
    printf("%d", rename("crt.txt", "crt2.txt")); printf(" %d", remove("crt2.txt")); printf(" %d", remove("crt2.txt")); printf(" %d\n", errno);
    p = tmpfile(); fputs("tmp", p); rewind(p); printf("%s\n", fgets(b, 10, p)); fclose(p);
    fprintf(stderr, "to stderr\n");
    puts("done"); putchar('\n');
    return 0;
}
