// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The path of one connection, in the order of these includes.  On connect(), connect.bpf.h finds the workload, asks
 * policy.bpf.h what to do, route.bpf.h whether there is a way and target.bpf.h where the proxy is, keeps the address
 * asked for in the socket's storage and points the call at the proxy, from the source of source.bpf.h, at a port of
 * spread.bpf.h.  When the SYN leaves, handshake.bpf.h writes that address down under the 4-tuple; the proxy's end takes
 * it over when it is established.  original_dst.bpf.h tells it to the proxy, and tells the application the peer that it
 * asked for.  Connections from outside meet inbound.bpf.h, datagrams datagram.bpf.h; loop.bpf.h ends what goes round.
 * In an accelerated workload pair.bpf.h lets the two sockets find each other, redirect.bpf.h passes messages across,
 * leave.bpf.h has them part, and wake.bpf.h wakes forgotten writers.  closed.bpf.h writes the record of one that ended.
 */
#include "kernel.bpf.h"
#include "maps.bpf.h"
#include "address.bpf.h"
#include "share.bpf.h"
#include "account.bpf.h"
#include "policy.bpf.h"
#include "workload.bpf.h"
#include "target.bpf.h"
#include "route.bpf.h"
#include "loop.bpf.h"
#include "spread.bpf.h"
#include "pair.bpf.h"
#include "leave.bpf.h"
#include "source.bpf.h"
#include "connect.bpf.h"
#include "closed.bpf.h"
#include "handshake.bpf.h"
#include "established.bpf.h"
#include "original_dst.bpf.h"
#include "inbound.bpf.h"
#include "datagram.bpf.h"
#include "redirect.bpf.h"
#include "wake.bpf.h"
#include "explain.bpf.h"
#include "selftest.bpf.h"

/* Helpers that only GPL programs may call (bpf_probe_read_kernel) are in use. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";
