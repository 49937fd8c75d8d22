/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <sys/socket.h>: see README. */
#ifndef STANDIN_SYS_SOCKET_H
#define STANDIN_SYS_SOCKET_H

#include <sys/types.h>
#include <sys/uio.h>

typedef unsigned char	sa_family_t;
typedef unsigned int	socklen_t;

struct sockaddr {
	uint8_t		sa_len;
	sa_family_t	sa_family;
	char		sa_data[14];
};

struct sockaddr_storage {
	uint8_t		ss_len;
	sa_family_t	ss_family;
	char		ss_room[254];
};

struct msghdr {
	void		*msg_name;
	socklen_t	 msg_namelen;
	struct iovec	*msg_iov;
	unsigned int	 msg_iovlen;
	void		*msg_control;
	socklen_t	 msg_controllen;
	int		 msg_flags;
};

struct cmsghdr {
	socklen_t	cmsg_len;
	int		cmsg_level;
	int		cmsg_type;
};

#define STANDIN_ALIGN(n)  (((n) + 7UL) & ~7UL)
#define CMSG_LEN(n)	  (STANDIN_ALIGN(sizeof(struct cmsghdr)) + (n))
#define CMSG_SPACE(n)	  (STANDIN_ALIGN(sizeof(struct cmsghdr)) + \
			  STANDIN_ALIGN(n))
#define CMSG_DATA(c)	  ((unsigned char *)(c) + \
			  STANDIN_ALIGN(sizeof(struct cmsghdr)))
#define CMSG_FIRSTHDR(m)  ((struct cmsghdr *)(m)->msg_control)
struct cmsghdr *standin_next(struct msghdr *, struct cmsghdr *);
#define CMSG_NXTHDR(m, c) standin_next(m, c)

#define AF_INET		2
#define AF_INET6	24
#define SOCK_DGRAM	2
#define SOCK_RAW	3
#define SOCK_CLOEXEC	0x8000
#define SOCK_NONBLOCK	0x4000
#define SOL_SOCKET	0xffff
#define SO_REUSEPORT	0x0200
#define SO_SNDBUF	0x1001
#define SO_RCVBUF	0x1002
#define MSG_TRUNC	0x10
#define MSG_DONTWAIT	0x80

int	bind(int, const struct sockaddr *, socklen_t);
int	getrtable(void);
ssize_t	recvmsg(int, struct msghdr *, int);
ssize_t	sendmsg(int, const struct msghdr *, int);
int	setsockopt(int, int, int, const void *, socklen_t);
int	socket(int, int, int);

#endif
