/* usdt.h - static probes of the provider `leat`, for bpftrace, perf and SystemTap.
 *
 * A probe that nobody watches is one instruction that does nothing; without <sys/sdt.h> (package systemtap-sdt-dev) it
 * is nothing at all. leat.1 lists the probes with their arguments, which are numbers and addresses.
 */
#ifndef LEAT_BASE_USDT_H
#define LEAT_BASE_USDT_H

#if defined(__has_include)
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#endif
#endif

#ifdef DTRACE_PROBE3
#define LEAT_PROBE1(name, a) DTRACE_PROBE1(leat, name, a)
#define LEAT_PROBE2(name, a, b) DTRACE_PROBE2(leat, name, a, b)
#define LEAT_PROBE3(name, a, b, c) DTRACE_PROBE3(leat, name, a, b, c)
#else
#define LEAT_PROBE1(name, a) ((void)(a))
#define LEAT_PROBE2(name, a, b) ((void)(a), (void)(b))
#define LEAT_PROBE3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#endif

#endif
