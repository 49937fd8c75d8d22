/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <netinet6/nd6.h>: see README. */
#ifndef STANDIN_NETINET6_ND6_H
#define STANDIN_NETINET6_ND6_H

#define ND6_INFINITE_LIFETIME	0xffffffff

#endif
