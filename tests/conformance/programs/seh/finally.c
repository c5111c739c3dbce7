/*: crt */
#include <stdio.h>
#include <setjmp.h>
#include <windows.h>
/* longjmp across registered frames runs their termination handlers: the C runtime's longjmp unwinds. */
struct frame;
typedef EXCEPTION_DISPOSITION (__cdecl *handler_t)(EXCEPTION_RECORD *, struct frame *, CONTEXT *, void *);
struct frame { struct frame *next; handler_t handler; const char *name; };
static EXCEPTION_DISPOSITION __cdecl finally(EXCEPTION_RECORD *r, struct frame *f, CONTEXT *c, void *d)
{
    (void)c; (void)d;
    if (r->ExceptionFlags & 2) printf("  finally of %s\n", f->name);
    return ExceptionContinueSearch;
}
static jmp_buf place;
static void deep(int n)
{
    struct frame f;
    char name[20];
    sprintf(name, "level %d", n);
    f.handler = finally; f.name = name;
    __asm__ volatile("movl %%fs:0,%%eax; movl %%eax,%0; leal %0,%%eax; movl %%eax,%%fs:0" : "=m"(f.next) : "m"(f) : "eax", "memory");
    if (n == 0) longjmp(place, 5);
    deep(n - 1);
    __asm__ volatile("movl %0,%%eax; movl %%eax,%%fs:0" :: "m"(f.next) : "eax");
}
int main(void)
{
    void *before, *after;
    __asm__ volatile("movl %%fs:0,%0" : "=r"(before));
    int value = setjmp(place);
    if (!value) deep(3);
    __asm__ volatile("movl %%fs:0,%0" : "=r"(after));
    printf("value %d, frames restored %d\n", value, before == after);
    fflush(stdout);
    return 0;
}
