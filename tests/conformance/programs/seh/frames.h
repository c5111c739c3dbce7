/* Exception registrations by hand, as a compiler's __try does it: a record on the stack, linked at FS:[0]. */
#include "../out.h"

struct frame;
typedef EXCEPTION_DISPOSITION (__cdecl *handler_t)(EXCEPTION_RECORD *, struct frame *, CONTEXT *, void *);
struct frame { struct frame *next; handler_t handler; const char *name; };

static inline struct frame *head(void) { struct frame *f; __asm__ volatile("movl %%fs:0, %0" : "=r"(f)); return f; }
static inline void set_head(struct frame *f) { __asm__ volatile("movl %0, %%fs:0" :: "r"(f) : "memory"); }
static inline void push_frame(struct frame *f, handler_t handler, const char *name)
{
    f->handler = handler; f->name = name; f->next = head(); set_head(f);
}
static inline void pop_frame(struct frame *f) { set_head(f->next); }
