#include "../out.h"
/* 100,000 lines into a pipe, one WriteFile each; tests/conformance/test_console.py checks that all arrive in order. */
int run(void)
{
    for (int i = 0; i < 100000; i++) say("line %d\n", i);
    return 0;
}
