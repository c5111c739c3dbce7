/*: crt */
/*: args plain "two words" "tab\there" 'qu"ote' 'back\slash' 'end\' 'end with space\' '' 'a\\"b' '*.nothing' '--x=y z' "it's" */
#include <stdio.h>
/* The C runtime splits the command line as documented: whatever the starter quoted arrives unchanged. */
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) printf("%d [%s]\n", i, argv[i]);
    printf("end %d\n", argv[argc] == NULL);
    return argc;
}
