/* The stub process: types of the kernel's interface and the functions of its files. Constants come from
 * engine/native_mailbox.py through the compiler's command line (tools/build_stub.py).
 *
 * Everything here runs without a C library and without touching the x87, MMX and SSE registers, which hold
 * the guest's values while the stub runs. */
#ifndef STUB_H
#define STUB_H

#include <stddef.h>
#include <stdint.h>

#define GUEST_END 0x100000000ull

extern uint8_t *mailbox;      /* MB_SIZE bytes shared with the client, above 4 GB */

#define FIELD(offset) (*(volatile uint32_t *)(mailbox + (offset)))
#define FIELD64(offset) (*(volatile uint64_t *)(mailbox + (offset)))

/* enter.S */
void enter_guest(uint8_t *mailbox);
extern char enter_begin[], enter_end[], exit_begin[], exit_end[], guest_exit[], signal_exit[], restorer[];

/* signals.c */
int install_signals(void);
void prepare_step(void);
extern void *step_frame;      /* where enter.S points RSP for the sigreturn that enters with the trap flag */

/* confine.c */
int confine(int in_fd, int out_fd, int socket_fd);

/* system calls: the result, or -errno */
static inline long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#define syscall3(n, a, b, c) syscall6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define syscall4(n, a, b, c, d) syscall6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

enum {
    SYS_read = 0, SYS_write = 1, SYS_close = 3, SYS_mmap = 9, SYS_mprotect = 10, SYS_rt_sigaction = 13, SYS_rt_sigprocmask = 14,
    SYS_rt_sigreturn = 15, SYS_recvmsg = 47, SYS_getppid = 110, SYS_sigaltstack = 131,
    SYS_modify_ldt = 154, SYS_prctl = 157, SYS_arch_prctl = 158, SYS_setrlimit = 160,
    SYS_exit_group = 231, SYS_seccomp = 317, SYS_close_range = 436,
};

enum { PROT_NONE_ = 0, PROT_RW = 3, MAP_SHARED_ = 1, MAP_FIXED_ = 0x10, MAP_NORESERVE_ = 0x4000 };

__attribute__((noreturn)) static inline void exit_stub(int code)
{
    for (;;)
        syscall3(SYS_exit_group, code, 0, 0);
}

struct user_desc {            /* asm/ldt.h */
    uint32_t entry, base, limit, flags;
};
enum { DESC_32BIT = 1, DESC_EMPTY = 0x28, DESC_USEABLE = 0x40 };   /* EMPTY: read-only and not present frees an entry */

static inline long set_descriptor(uint32_t entry, uint32_t base, uint32_t limit, uint32_t flags)
{
    struct user_desc desc = {entry, base, limit, flags};
    return (int)syscall3(SYS_modify_ldt, 0x11, &desc, sizeof desc);
}

#endif
