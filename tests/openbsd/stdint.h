/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <stdint.h>: see README. */
#ifndef STANDIN_STDINT_H
#define STANDIN_STDINT_H

typedef unsigned char		uint8_t;
typedef unsigned short		uint16_t;
typedef int			int32_t;
typedef unsigned int		uint32_t;
typedef long long		int64_t;
typedef unsigned long long	uint64_t;
typedef __UINTPTR_TYPE__	uintptr_t;

#endif
