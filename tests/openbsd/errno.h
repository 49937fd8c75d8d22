/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <errno.h>: see README. */
#ifndef STANDIN_ERRNO_H
#define STANDIN_ERRNO_H

int	*__errno(void);
#define errno	(*__errno())

#define ENOENT		2
#define EINTR		4
#define EIO		5
#define ENXIO		6
#define EEXIST		17
#define ENOTDIR		20
#define EINVAL		22
#define EAGAIN		35
#define EOPNOTSUPP	45
#define EMSGSIZE	40
#define EAFNOSUPPORT	47
#define EADDRNOTAVAIL	49
#define ENOBUFS		55
#define EBADMSG		92

#endif
