/*: exit any */
#include "../out.h"
/* Nobody handles this: the process must end, with what was written before it, and not with code 0. */
int run(void)
{
    say("before the fault\n");
    *(volatile int *)0 = 1;
    say("never printed\n");
    return 0;
}
