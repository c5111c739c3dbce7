/* Pure-CPU kernels shared by the Win32 and the native builds. No library calls. */
#ifndef CPU_H
#define CPU_H
typedef unsigned int u32; typedef unsigned char u8; typedef unsigned long long u64; typedef unsigned short u16;
#define NOINL __attribute__((noinline))

/* memory the kernels use: supplied by the wrapper */
static u8 *g_mem;              /* at least MEMSZ bytes */
#ifndef MEMSZ
#define MEMSZ (2*BLK+4096)
#endif

/* ---- (a) integer ---- */
static NOINL u32 k_sieve(int reps)   /* primes below 2,000,000 by bytes */
{
    u32 n = 2000000, cnt = 0; u8 *s = g_mem;
    while (reps--) {
        for (u32 i = 0; i < n; i++) s[i] = 1;
        for (u32 i = 2; i * i < n; i++) if (s[i]) for (u32 j = i * i; j < n; j += i) s[j] = 0;
        cnt = 0; for (u32 i = 2; i < n; i++) cnt += s[i];
    }
    return cnt; /* 148933 */
}
static u32 crctab[256];
static NOINL u32 k_crc(int reps)     /* table CRC-32 of 4 MB per rep */
{
    u32 n = 4 * 1024 * 1024, c;
    for (u32 i = 0; i < 256; i++) { c = i; for (int k = 0; k < 8; k++) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1; crctab[i] = c; }
    u32 x = 12345; for (u32 i = 0; i < n; i++) { x = x * 1103515245u + 12345u; g_mem[i] = x >> 16; }
    c = ~0u;
    while (reps--) { const u8 *p = g_mem; for (u32 i = 0; i < n; i++) c = crctab[(c ^ p[i]) & 0xff] ^ (c >> 8); }
    return ~c;
}
/* Dhrystone-2.1-shaped: record copies, string compare, calls, globals, a switch, a division */
typedef struct rec { struct rec *next; int discr, en, ival; char str[31]; } rec;
static rec R1, R2; static int IntGlob, BoolGlob; static char C1, C2; static int A1[50], A2[50][50];
static char S1[31], S2[31];
static NOINL void d_strcpy(char *d, const char *s) { while ((*d++ = *s++)) __asm__ volatile("" ::: "memory"); }
static NOINL int d_strcmp(const char *a, const char *b) { while (*a && *a == *b) a++, b++; return (int)(u8)*a - (int)(u8)*b; }
static NOINL int P_func3(int e) { return e == 2; }
static NOINL void P6(int v, int *r) { *r = v; if (!P_func3(v)) *r = 3; switch (v) { case 0: *r = 0; break; case 1: *r = IntGlob > 100 ? 0 : 3; break; case 2: *r = 1; break; case 3: break; case 4: *r = 2; break; } }
static NOINL void P7(int a, int b, int *r) { *r = b + a + 2; }
static NOINL void P8(int *a, int (*b)[50], int x, int y) { int l = x + 5; a[l] = y; a[l+1] = a[l]; a[l+30] = l; for (int i = l; i <= l + 1; i++) b[l][i] = l; b[l][l-1] += 1; b[l+20][l] = a[l]; IntGlob = 5; }
static NOINL int F1(char a, char b) { if (a != b) return 0; C1 = a; return 1; }
static NOINL int F2(char *a, char *b) { int l = 2; char c = 0; while (l <= 2) if (F1(a[l], b[l+1]) == 0) { c = 'A'; l++; } else break; if (c >= 'W' && c < 'Z') l = 7; if (c == 'R') return 1; if (d_strcmp(a, b) > 0) { l += 7; IntGlob = l; return 1; } return 0; }
static NOINL void P3(rec **r) { if (R1.next) *r = R1.next; P7(10, IntGlob, &R1.ival); }
static NOINL void P1(rec *p) { rec *n = p->next; *n = R1; p->ival = 5; n->ival = p->ival; n->next = p->next; P3(&n->next); if (n->discr == 0) { n->ival = 6; P6(p->en, &n->en); n->next = R1.next; P7(n->ival, 10, &n->ival); } else *p = *n; }
static NOINL void P2(int *r) { int l = *r + 10; for (;;) if (C1 == 'A') { l--; *r = l - IntGlob; break; } else break; }
static NOINL u32 k_dhry(int runs)
{
    int i1 = 0, i2, i3 = 0; u32 h = 0;
    R1.next = &R2; R1.discr = 0; R1.en = 2; R1.ival = 40; d_strcpy(R1.str, "DHRYSTONE PROGRAM, SOME STRING");
    d_strcpy(S1, "DHRYSTONE PROGRAM, 1'ST STRING"); A2[8][7] = 10;
    for (int r = 1; r <= runs; r++) {
        BoolGlob = C1 == 'A'; C1 = 'A'; C2 = 'B';
        i1 = 2; i2 = 3; d_strcpy(S2, "DHRYSTONE PROGRAM, 2'ND STRING");
        BoolGlob = !F2(S1, S2);
        while (i1 < i2) { i3 = 5 * i1 - i2; P7(i1, i2, &i3); i1++; }
        P8(A1, A2, i1, i3); P1(&R1);
        for (char c = 'A'; c <= C2; c++) if (F1(c, 'C')) { P6(0, &R1.en); d_strcpy(S2, "DHRYSTONE PROGRAM, 3'RD STRING"); i2 = r; IntGlob = r; }
        i2 = i2 * i1; i1 = i2 / (i3 ? i3 : 1); i2 = 7 * (i2 - i3) - i1; P2(&i1);
        h = h * 31 + (u32)(i1 + i2 + i3 + R1.ival + R2.ival + IntGlob);
    }
    return h;
}
/* ---- (b) x87 ---- */
static void set_pc53(void)
{
#if defined(__i386__)
    u16 cw = 0x27F; __asm__ volatile("fldcw %0" :: "m"(cw));
#endif
}
static NOINL u32 k_mandel(int w)     /* w x w Mandelbrot, 200 iterations max */
{
    u32 sum = 0;
    for (int y = 0; y < w; y++) for (int x = 0; x < w; x++) {
        double cr = 3.0 * x / w - 2.25, ci = 2.5 * y / w - 1.25, zr = 0, zi = 0; int n = 0;
        while (n < 200) { double a = zr * zr, b = zi * zi; if (a + b > 4.0) break; zi = 2 * zr * zi + ci; zr = a - b + cr; n++; }
        sum = sum * 3 + n;
    }
    return sum;
}
typedef struct { double x, y, z, vx, vy, vz, m; } body;
static body B[5];
#define PI 3.141592653589793
#define SM (4 * PI * PI)
#define DP 365.24
static inline double dsqrt(double v)
{
#if defined(__i386__)
    __asm__("fsqrt" : "+t"(v)); return v;
#else
    return __builtin_sqrt(v);
#endif
}
static NOINL double energy(void)
{
    double e = 0;
    for (int i = 0; i < 5; i++) {
        e += 0.5 * B[i].m * (B[i].vx*B[i].vx + B[i].vy*B[i].vy + B[i].vz*B[i].vz);
        for (int j = i + 1; j < 5; j++) { double dx = B[i].x-B[j].x, dy = B[i].y-B[j].y, dz = B[i].z-B[j].z; e -= B[i].m*B[j].m / dsqrt(dx*dx+dy*dy+dz*dz); }
    }
    return e;
}
static NOINL u32 k_nbody(int steps)
{
    static const body init[5] = {
     {0,0,0,0,0,0,SM},
     {4.84143144246472090e+00,-1.16032004402742839e+00,-1.03622044471123109e-01,1.66007664274403694e-03*DP,7.69901118419740425e-03*DP,-6.90460016972063023e-05*DP,9.54791938424326609e-04*SM},
     {8.34336671824457987e+00,4.12479856412430479e+00,-4.03523417114321381e-01,-2.76742510726411107e-03*DP,4.99852801234917238e-03*DP,2.30417297573763929e-05*DP,2.85885980666130812e-04*SM},
     {1.28943695621391310e+01,-1.51111514016986312e+01,-2.23307578892655734e-01,2.96460137564761618e-03*DP,2.37847173959480950e-03*DP,-2.96589568540237556e-05*DP,4.36624404335156298e-05*SM},
     {1.53796971148509165e+01,-2.59193146099879641e+01,1.79258772950371181e-01,2.68067772490389322e-03*DP,1.62824170038242295e-03*DP,-9.51592254519715870e-05*DP,5.15138902046611451e-05*SM}};
    for (int i = 0; i < 5; i++) B[i] = init[i];
    double px = 0, py = 0, pz = 0; for (int i = 0; i < 5; i++) { px += B[i].vx*B[i].m; py += B[i].vy*B[i].m; pz += B[i].vz*B[i].m; }
    B[0].vx = -px/SM; B[0].vy = -py/SM; B[0].vz = -pz/SM;
    double dt = 0.01;
    for (int s = 0; s < steps; s++) {
        for (int i = 0; i < 5; i++) for (int j = i + 1; j < 5; j++) {
            double dx = B[i].x-B[j].x, dy = B[i].y-B[j].y, dz = B[i].z-B[j].z;
            double d2 = dx*dx+dy*dy+dz*dz, mag = dt/(d2*dsqrt(d2));
            B[i].vx -= dx*B[j].m*mag; B[i].vy -= dy*B[j].m*mag; B[i].vz -= dz*B[j].m*mag;
            B[j].vx += dx*B[i].m*mag; B[j].vy += dy*B[i].m*mag; B[j].vz += dz*B[i].m*mag;
        }
        for (int i = 0; i < 5; i++) { B[i].x += dt*B[i].vx; B[i].y += dt*B[i].vy; B[i].z += dt*B[i].vz; }
    }
    return (u32)(int)(energy() * 1e9);   /* after 50M steps -0.169059907; here: whatever, must agree */
}
/* ---- (c) memory ---- */
static NOINL void m_repset(void *d, u32 v, u32 n)
{
#if defined(__i386__)
    u32 c = n / 4; __asm__ volatile("cld; rep stosl" : "+D"(d), "+c"(c) : "a"(v) : "memory");
#else
    unsigned long c = n / 4; __asm__ volatile("cld; rep stosl" : "+D"(d), "+c"(c) : "a"(v) : "memory");
#endif
}
static NOINL void m_repcpy(void *d, const void *s, u32 n)
{
#if defined(__i386__)
    u32 c = n / 4; __asm__ volatile("cld; rep movsl" : "+D"(d), "+S"(s), "+c"(c) :: "memory");
#else
    unsigned long c = n / 4; __asm__ volatile("cld; rep movsl" : "+D"(d), "+S"(s), "+c"(c) :: "memory");
#endif
}
static NOINL u32 m_sum(const void *p, u32 n) { const u32 *q = p; u32 s = 0; for (u32 i = 0; i < n / 4; i++) { s = s * 3 + q[i]; } return s; }
static NOINL u32 m_probe(const void *p, u32 n) { const u32 *q = p; u32 s = 0; for (u32 i = 0; i < n / 4; i += 4093) s = s * 3 + q[i]; return s; }
static NOINL void m_loopcpy(void *d, const void *s, u32 n) { u32 *a = d; const u32 *b = s; for (u32 i = 0; i < n / 4; i++) a[i] = b[i]; }
#ifndef BLKMB
#define BLKMB 64u
#endif
#define BLK (BLKMB*1024*1024)
static NOINL u32 k_repset(int reps) { while (reps--) m_repset(g_mem, 0x01020304u * (u32)(reps + 1), BLK); return m_probe(g_mem, BLK); }
static NOINL u32 k_repcpy(int reps) { u32 h = 0; for (u32 i = 0; i < BLK / 4; i += 4093) ((u32 *)g_mem)[i] = i; while (reps--) { m_repcpy(g_mem + BLK, g_mem, BLK); h = h * 3 + m_probe(g_mem + BLK, BLK); } return h; }
static NOINL u32 k_loopcpy(int reps) { u32 h = 0; while (reps--) { m_loopcpy(g_mem + BLK, g_mem, BLK); h = h * 3 + m_probe(g_mem + BLK, BLK); } return h; }
static NOINL u32 k_loopsum(int reps) { u32 h = 0; while (reps--) { h = h * 3 + m_sum(g_mem, BLK); __asm__ volatile("" ::: "memory"); } return h; }
#endif
