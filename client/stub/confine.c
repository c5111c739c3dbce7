/* What is left of Linux for this process, and so for guest code that finds a way to a system call: its own memory, its LDT,
 * its two pipes, the descriptors the client hands over. Everything else, and every call with the i386 convention (int 80h), is
 * SIGSYS, which the handler turns into a fault of the guest. */
#include "stub.h"

struct filter {               /* linux/filter.h */
    uint16_t code;
    uint8_t yes, no;
    uint32_t value;
};
struct program {
    uint16_t length;
    const struct filter *code;
};
enum { LOAD = 0x20, JUMP_EQUAL = 0x15, RETURN = 0x06 };
enum { ALLOW = 0x7fff0000, TRAP = 0x00030000 };
enum { DATA_NUMBER = 0, DATA_ARCH = 4, DATA_ARGUMENT = 16 };   /* the first argument's low half */
enum { ARCH_X86_64 = (int)0xc000003e };
enum { PR_SET_NO_NEW_PRIVS = 38, SET_MODE_FILTER = 1, FLAG_SPEC_ALLOW = 4 };
enum { RLIMIT_CORE = 4, RLIMIT_AS = 9 };

static void limit(int resource, uint64_t value)
{
    uint64_t both[2] = {value, value};
    syscall3(SYS_setrlimit, resource, both, 0);
}

#define ALLOWED(number) {JUMP_EQUAL, 0, 1, number}, {RETURN, 0, 0, ALLOW}
#define ALLOWED_ON(number, fd) \
    {JUMP_EQUAL, 0, 4, number}, {LOAD, 0, 0, DATA_ARGUMENT}, {JUMP_EQUAL, 0, 1, fd}, {RETURN, 0, 0, ALLOW}, {RETURN, 0, 0, TRAP}

int confine(int in_fd, int out_fd, int socket_fd)
{
    const struct filter code[] = {
        {LOAD, 0, 0, DATA_ARCH},
        {JUMP_EQUAL, 1, 0, ARCH_X86_64},
        {RETURN, 0, 0, TRAP},
        {LOAD, 0, 0, DATA_NUMBER},
        ALLOWED_ON(SYS_read, in_fd),
        ALLOWED_ON(SYS_write, out_fd),
        ALLOWED(SYS_rt_sigreturn),
        ALLOWED(SYS_mprotect),
        ALLOWED(SYS_mmap),
        ALLOWED(SYS_modify_ldt),
        ALLOWED_ON(SYS_recvmsg, socket_fd),
        ALLOWED(SYS_close),
        ALLOWED(SYS_exit_group),
        {RETURN, 0, 0, TRAP},
    };
    struct program program = {sizeof code / sizeof *code, code};
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_AS, GUEST_END + (64 << 20));
    if (syscall4(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0))
        return 1;
    /* SPEC_ALLOW: no slower stores for the guest on kernels that couple the two (before 5.16) */
    return syscall3(SYS_seccomp, SET_MODE_FILTER, FLAG_SPEC_ALLOW, &program) != 0;
}
