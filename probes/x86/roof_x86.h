/* What the roof's loops for x86 share: twelve independent chains, as many as hide the latency of a
 * multiply-add twice a cycle, and what is left of them in the end. */
#ifndef AGLM_PROBES_X86_ROOF_X86_H
#define AGLM_PROBES_X86_ROOF_X86_H

enum { CHAINS = 12 };

#define EACH_CHAIN(step) \
    step(s0);            \
    step(s1);            \
    step(s2);            \
    step(s3);            \
    step(s4);            \
    step(s5);            \
    step(s6);            \
    step(s7);            \
    step(s8);            \
    step(s9);            \
    step(s10);           \
    step(s11)

/* add(a, b) of all chains. */
#define JOIN_CHAINS(add)                                                   \
    add(add(add(add(s0, s1), add(s2, s3)), add(add(s4, s5), add(s6, s7))), \
        add(add(s8, s9), add(s10, s11)))

#endif
