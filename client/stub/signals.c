/* Faults and kicks. The handler runs on a stack of its own, copies the guest's registers to the mailbox and lets the
 * sigreturn go to signal_exit: everything else happens outside of signal context.
 *
 * SIGUSR1 is the client's kick. All other asynchronous signals stay blocked: none may be delivered on the guest's stack, and
 * the terminal's are the client's business (it is in the same process group). Only SIGTSTP is let through, without a handler:
 * Ctrl-Z stops the two together. */
#include "stub.h"

enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGUSR1 = 10, SIGSEGV = 11, SIGTSTP = 20, SIGSYS = 31 };
enum { SA_SIGINFO = 4, SA_RESTORER = 0x04000000, SA_ONSTACK = 0x08000000 };
enum { UC_SIGCONTEXT_SS = 2, UC_STRICT_RESTORE_SS = 4 };
enum { HOST_CS = 0x33, HOST_SS = 0x2b, GUEST_CS = 0x23, TRAP_FLAG = 0x100, AC_FLAG = 0x40000, HOST_FLAGS = 0x202 };

/* asm/sigcontext.h, asm/ucontext.h, asm-generic/siginfo.h */
struct sigcontext {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
    uint16_t cs, gs, fs, ss;
    uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
};
struct stack {
    void *base;
    int flags;
    uint64_t size;
};
struct context {
    uint64_t flags;
    void *link;
    struct stack stack;
    struct sigcontext regs;
    uint64_t mask;
};
struct sigaction {
    void (*handler)(int, void *, void *);
    uint64_t flags;
    void (*restorer)(void);
    uint64_t mask;
};

static uint8_t signal_stack[0x10000] __attribute__((aligned(64)));
static const int handled[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGUSR1, SIGSEGV, SIGSYS};
static uint64_t blocked = ~0ull;
static struct context step_context;
void *step_frame;

#define READ_SELECTOR(name) ({ uint32_t value_; __asm__ volatile("mov %%" #name ", %0" : "=r"(value_)); value_ & 0xffff; })

static int within(uint64_t ip, const char *start, const char *end)
{
    return ip >= (uint64_t)start && ip < (uint64_t)end;
}

static void keep_guest(const struct sigcontext *r)
{
    FIELD(MB_EAX) = r->rax, FIELD(MB_ECX) = r->rcx, FIELD(MB_EDX) = r->rdx, FIELD(MB_EBX) = r->rbx;
    FIELD(MB_ESP) = r->rsp, FIELD(MB_EBP) = r->rbp, FIELD(MB_ESI) = r->rsi, FIELD(MB_EDI) = r->rdi;
    FIELD(MB_EIP) = r->rip, FIELD(MB_EFLAGS) = r->eflags;
    /* code of the 64-bit segment has no business here: it goes on, if at all, as 32-bit code */
    FIELD(MB_CS) = r->cs == HOST_CS ? GUEST_CS : r->cs;
    FIELD(MB_SS) = r->ss;
    FIELD(MB_DS) = READ_SELECTOR(ds), FIELD(MB_ES) = READ_SELECTOR(es);
    FIELD(MB_FS) = READ_SELECTOR(fs), FIELD(MB_GS) = READ_SELECTOR(gs);
}

static void leave(struct sigcontext *r, int signal, uint32_t reason)
{
    FIELD(MB_REASON) = reason;
    FIELD(MB_SIGNAL) = signal;
    FIELD(MB_VECTOR) = r->trapno;
    FIELD(MB_ERROR) = r->err;
    FIELD(MB_ADDRESS) = r->cr2;
    r->rip = (uint64_t)signal_exit;
    r->rsp = FIELD64(MB_HOST_RSP);
    r->r15 = (uint64_t)mailbox;
    r->eflags = HOST_FLAGS;
    r->cs = HOST_CS;
    r->ss = HOST_SS;
}

static void on_signal(int signal, void *info, void *where)
{
    struct sigcontext *r = &((struct context *)where)->regs;
    uint64_t ip = r->rip;
    int kick = signal == SIGUSR1;
    int gate = ip >= LAYOUT_GATE + MB_GATE_64 && ip < LAYOUT_GATE + MB_GATE_64_END;
    (void)info;
    if (r->cs == HOST_CS && (gate || within(ip, exit_begin, exit_end))) {
        if (kick) {
            FIELD(MB_PENDING) = 1;
            return;
        }
        if (signal == SIGTRAP) {        /* the guest stepped into the gate */
            r->eflags &= ~(uint64_t)TRAP_FLAG;
            FIELD(MB_TRAP) = TRAP_FLAG;
            return;
        }
        /* 64-bit code of the guest's has come here with wild registers */
    } else if (r->cs == HOST_CS && ip >= GUEST_END) {
        if (within(ip, enter_begin, enter_end)) {
            leave(r, signal, kick ? MB_REASON_KICK : MB_REASON_BAD_STATE);
            return;
        }
        if (kick) {
            FIELD(MB_PENDING) = 1;
            return;
        }
        if (signal == SIGBUS && r->eflags & AC_FLAG) {  /* AC set while the flags were on their way */
            r->eflags &= ~(uint64_t)AC_FLAG;
            return;
        }
        exit_stub(0x40 | signal);
    }
    keep_guest(r);
    leave(r, signal, kick ? MB_REASON_KICK : MB_REASON_FAULT);
}

/* What the sigreturn in enter_guest loads: all of the guest's registers at once, the trap flag among them. */
void prepare_step(void)
{
    struct sigcontext *r = &step_context.regs;
    step_context.flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
    step_context.stack = (struct stack){signal_stack, 0, sizeof signal_stack};
    step_context.mask = blocked;
    r->rax = FIELD(MB_EAX), r->rcx = FIELD(MB_ECX), r->rdx = FIELD(MB_EDX), r->rbx = FIELD(MB_EBX);
    r->rsp = FIELD(MB_ESP), r->rbp = FIELD(MB_EBP), r->rsi = FIELD(MB_ESI), r->rdi = FIELD(MB_EDI);
    r->rip = FIELD(MB_EIP), r->eflags = FIELD(MB_EFLAGS);
    r->cs = FIELD(MB_CS), r->ss = FIELD(MB_SS);
    r->r15 = (uint64_t)mailbox;
    r->fpstate = (uint64_t)(mailbox + MB_FX);
    step_frame = &step_context;
}

int install_signals(void)
{
    struct stack stack = {signal_stack, 0, sizeof signal_stack};
    struct sigaction action = {on_signal, SA_SIGINFO | SA_RESTORER | SA_ONSTACK, (void (*)(void))restorer, ~0ull};
    long failed = syscall3(SYS_sigaltstack, &stack, 0, 0);
    for (unsigned i = 0; i < sizeof handled / sizeof *handled; i++) {
        failed |= syscall4(SYS_rt_sigaction, handled[i], &action, 0, 8);
        blocked &= ~(1ull << (handled[i] - 1));
    }
    blocked &= ~(1ull << (SIGTSTP - 1));
    failed |= syscall4(SYS_rt_sigprocmask, 2, &blocked, 0, 8);
    return failed != 0;
}
