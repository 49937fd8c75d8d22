/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <fcntl.h>: see README. */
#ifndef STANDIN_FCNTL_H
#define STANDIN_FCNTL_H

#define O_RDONLY	0x0000
#define O_RDWR		0x0002
#define O_NONBLOCK	0x0004
#define O_CLOEXEC	0x10000

int	open(const char *, int, ...);

#endif
