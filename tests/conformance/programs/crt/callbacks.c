/*: crt */
/* Callbacks inside callbacks: qsort whose comparison sorts again, a hundred levels down, and a jump out of all of them. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
static int level, deepest, limit = 100;
static char been[101];                                      /* one descent per level, however often qsort compares */
static jmp_buf out;
static int compare(const void *a, const void *b)
{
    int pair[2] = { 2, 1 };
    if (++level > deepest) deepest = level;
    if (level == limit && limit == 50) longjmp(out, level);
    if (level < limit && !been[level]) { been[level] = 1; qsort(pair, 2, sizeof *pair, compare); }
    level--;
    return *(const int *)a - *(const int *)b;
}
int main(void)
{
    int v[2] = { 9, 4 };
    qsort(v, 2, sizeof *v, compare);
    printf("%d %d, deepest %d, level %d\n", v[0], v[1], deepest, level);
    limit = 50;
    level = 0;
    for (int i = 0; i < 101; i++) been[i] = 0;
    int r = setjmp(out);
    if (!r) { v[0] = 9; v[1] = 4; qsort(v, 2, sizeof *v, compare); puts("never printed"); }
    printf("jumped out at %d\n", r);
    limit = 1;
    level = 0;
    v[0] = 9; v[1] = 4;
    qsort(v, 2, sizeof *v, compare);
    printf("and again: %d %d\n", v[0], v[1]);
    return 0;
}
