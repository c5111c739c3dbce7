/* The stub process: holds the guest's 4 GB at host addresses 0-4 GB and executes guest code there for the client.
 *
 *   w9x-stub MAILBOX PRIVATE ARENA SOCKET IN OUT PARENT   descriptors (ARENA may be -1) and the client's process id
 *   w9x-stub                                              only says by its exit code what this host can do:
 *                                                         0x80 | MB_FEATURE_*, or MB_STATUS_*
 *
 * It has one thread. It sleeps until a byte from IN gives it its turn, does the commands it finds in the mailbox, enters the guest, and hands the turn
 * back when the guest leaves through a gate, faults, or is kicked. It dies with the client. */
#include "stub.h"

enum { PR_SET_PDEATHSIG = 1, SIGKILL = 9, ARCH_SET_CPUID = 0x1012 };
enum { AT_NULL = 0, AT_HWCAP2 = 26, HWCAP2_FSGSBASE = 2 };
enum { PROBE_ENTRY = 8 };

uint8_t *mailbox;
static int private_fd, arena_fd, socket_fd, in_fd, out_fd;

static long number(const char *text)
{
    long value = 0;
    int negative = *text == '-';
    for (text += negative; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (*text - '0');
    return negative ? -value : value;
}

static void close_others(const int *kept, int count)
{
    for (int from = 0; from >= 0;) {
        int to = 0x7fffffff, next = -1;
        for (int i = 0; i < count; i++)
            if (kept[i] >= from && kept[i] < to)
                to = kept[i], next = to + 1;
        if (to > from) {
            int last = next < 0 ? to : to - 1;
            if (syscall3(SYS_close_range, from, last, 0))
                for (int fd = from; fd <= last && fd < 0x10000; fd++)
                    syscall3(SYS_close, fd, 0, 0);
        }
        from = next;
    }
}

static void cpuid(uint32_t leaf, uint32_t out[4])
{
    __asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(0));
}

/* Have the guest's CPUID fault, so that the client can answer it. Not under a hypervisor: the kernel switches the faulting with the
 * process, by a register that a virtual machine traps, and every API call took 20 us instead of 5. There the guest sees the host's
 * processor, and may use its AVX registers: they are kept for it. */
static uint32_t choose_cpuid(void)
{
    enum { HYPERVISOR = 1u << 31, OSXSAVE_AND_AVX = 3u << 27 };
    uint32_t r[4];
    cpuid(1, r);
    if (!(r[2] & HYPERVISOR) && !syscall3(SYS_arch_prctl, ARCH_SET_CPUID, 0, 0))
        return MB_FEATURE_CPUID_FAULTS;
    return (r[2] & OSXSAVE_AND_AVX) == OSXSAVE_AND_AVX ? MB_FEATURE_XSAVE : 0;
}

/* Whether the kernel lets us have 32-bit (and 16-bit) segments; the probed entry is freed again. */
static uint32_t probe(const uint64_t *auxv, uint32_t *features)
{
    if ((uint64_t)enter_begin < GUEST_END)
        return MB_STATUS_TOO_LOW;
    if (set_descriptor(PROBE_ENTRY, 0, 0xfff, DESC_32BIT | DESC_USEABLE))
        return MB_STATUS_NO_LDT;
    *features = 0;
    if (!set_descriptor(PROBE_ENTRY, 0, 0xfff, DESC_USEABLE))
        *features |= MB_FEATURE_16_BIT;
    set_descriptor(PROBE_ENTRY, 0, 0, DESC_EMPTY);
    for (; auxv[0] != AT_NULL; auxv += 2)
        if (auxv[0] == AT_HWCAP2 && auxv[1] & HWCAP2_FSGSBASE)
            *features |= MB_FEATURE_FSGSBASE;
    *features |= choose_cpuid();
    return MB_STATUS_READY;
}

/* --- turns ------------------------------------------------------------------------------------------------------- */
static void give_turn(void)
{
    if (syscall3(SYS_write, out_fd, "", 1) != 1)
        exit_stub(0);
}

static void await_turn(void)
{
    char byte;
    long got;
    do
        got = syscall3(SYS_read, in_fd, &byte, 1);
    while (got == -4);        /* EINTR: a kick, which the handler has noted */
    if (got != 1)
        exit_stub(0);         /* the client has gone */
}

/* --- commands -------------------------------------------------------------------------------------------------------- */
static int in_guest(uint64_t address, uint64_t size)
{
    return !((address | size) & 0xfff) && size && address >= 0x10000 && address + size <= GUEST_END;
}

static long map(uint64_t address, uint64_t size, int fd, uint64_t offset)
{
    long result;
    if (!in_guest(address, size))
        return -22;
    result = syscall6(SYS_mmap, address, size, PROT_NONE_, MAP_SHARED_ | MAP_FIXED_ | MAP_NORESERVE_, fd, offset);
    return result < 0 && result > -4096 ? result : 0;
}

static int received_descriptor(void)
{
    struct { void *base; uint64_t size; } part;
    struct { uint64_t size; int level, type, fd, pad; } control = {0, 0, 0, -1, 0};
    struct { void *name; uint32_t name_size; void *parts; uint64_t count; void *control; uint64_t control_size; int flags; }
        message = {0, 0, &part, 1, &control, sizeof control, 0};
    char byte;
    part.base = &byte, part.size = 1;
    if (syscall3(SYS_recvmsg, socket_fd, &message, 0x40) != 1 || control.size < 20)     /* MSG_DONTWAIT */
        return -1;
    return control.fd;
}

static long map_file(uint64_t address, uint64_t size, uint64_t offset)
{
    int fd = received_descriptor();
    long result;
    if (fd < 0)
        return -9;
    result = map(address, size, fd, offset);
    syscall3(SYS_close, fd, 0, 0);
    return result;
}

static long execute(const volatile uint32_t *c)
{
    switch (c[0]) {
    case MB_OP_PROTECT:
        return in_guest(c[1], c[2]) ? syscall3(SYS_mprotect, c[1], c[2], c[3]) : -22;
    case MB_OP_MAP:
        return map(c[1], c[2], c[3] ? arena_fd : private_fd, c[1]);
    case MB_OP_DESCRIPTOR:
        return set_descriptor(c[1], c[2], c[3], c[4]);
    case MB_OP_MAP_FILE:
        return map_file(c[1], c[2], c[3] | (uint64_t)c[4] << 32);
    }
    return -38;
}

static int commands(void)
{
    uint32_t count = FIELD(MB_COMMAND_COUNT);
    for (uint32_t i = 0; i < count && i < MB_COMMAND_LIMIT; i++) {
        long failed = execute((volatile uint32_t *)(mailbox + MB_COMMANDS + i * MB_COMMAND_SIZE));
        if (failed) {
            FIELD(MB_FAILED_COMMAND) = i;
            FIELD(MB_ERRNO) = -failed;
            return 0;
        }
    }
    FIELD(MB_COMMAND_COUNT) = 0;
    return 1;
}

/* --- life ---------------------------------------------------------------------------------------------------------------- */
__attribute__((noreturn)) static void serve(void)
{
    for (;;) {
        await_turn();
        if (!commands())
            FIELD(MB_REASON) = MB_REASON_COMMAND;
        else if (!FIELD(MB_RUN))
            FIELD(MB_REASON) = MB_REASON_DONE;
        else {
            if (FIELD(MB_EFLAGS) & 0x100)
                prepare_step();
            enter_guest(mailbox);
        }
        give_turn();
    }
}

__attribute__((noreturn, used)) void stub_main(uint64_t *stack)
{
    int count = stack[0];
    char **argv = (char **)(stack + 1);
    const uint64_t *auxv = stack + 1 + count + 1;
    uint32_t features, status;
    int kept[6];
    long mapped;
    while (*auxv++)
        ;
    if (count != 8) {
        status = probe(auxv, &features);
        exit_stub(status == MB_STATUS_READY ? 0x80 | features : status);
    }
    for (int i = 0; i < 6; i++)
        kept[i] = number(argv[1 + i]);
    private_fd = kept[1], arena_fd = kept[2], socket_fd = kept[3], in_fd = kept[4], out_fd = kept[5];
    if (syscall3(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0) || syscall3(SYS_getppid, 0, 0, 0) != number(argv[7]))
        exit_stub(1);
    close_others(kept, 6);
    mapped = syscall6(SYS_mmap, 0, MB_SIZE, PROT_RW, MAP_SHARED_, kept[0], 0);
    if (mapped < 0 && mapped > -4096)
        exit_stub(1);
    syscall3(SYS_close, kept[0], 0, 0);
    mailbox = (uint8_t *)mapped;
    status = probe(auxv, &features);
    if (status == MB_STATUS_READY && install_signals())
        status = MB_STATUS_NO_SIGNALS;
    if (status == MB_STATUS_READY && confine(in_fd, out_fd, socket_fd))
        status = MB_STATUS_NO_SECCOMP;
    FIELD(MB_STUB_ABI) = MB_ABI;
    FIELD(MB_FEATURES) = features;
    FIELD64(MB_EXIT_POINTER) = (uint64_t)guest_exit;
    FIELD(MB_STATUS) = status;
    give_turn();
    serve();
}
