/* SPDX-License-Identifier: ISC */
/*
 * The control process: what its files say to each other.  control.c has the
 * process, its channels and secctl's connections; pfkey.c those of IKE daemons;
 * policy.c the flows these daemons store.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "secd/control/pfkey_msg.h"
#include "secd/ipc.h"

struct event_base;

/* --- control.c --- */

/*
 * Ask the engine; its answer comes under the serial that this returns.
 * Without a copy: the body may be a key.
 */
uint32_t	 control_ask(enum msg_type, const void *, size_t);
/* The same for what has no answer. */
void		 control_tell(enum msg_type, const void *, size_t);

/* --- pfkey.c --- */

/* Lock the buffers that keys pass through, before a filter forbids it. */
void		 pfkey_init(void);
/* Take daemons' connections from this listening socket. */
void		 pfkey_listen(struct event_base *, int fd);
/* 1 if one of its clients waited for this answer of the engine's, else 0. */
int		 pfkey_answer(const struct ipc_msg *);
/* What the engine tells unasked: to the SA's owner, to who registered. */
void		 pfkey_expired(const struct msg_expired *);
void		 pfkey_acquires(const struct msg_acquire *);
/* Who is connected. */
void		 pfkey_clients(struct msg_clients *);

/* --- policy.c --- */

#define POLICIES_MAX	512	/* of one owner, deleted ones included */
#define POLICY_OWNERS	32

/*
 * Store p for its owner in place of the same one; 0, or ENOBUFS when there are
 * too many.
 */
int		 policy_add(const struct sa_owner *,
		    const struct pfkey_policy *p);
/* Delete the same one; it is still remembered.  0 or ENOENT. */
int		 policy_delete(const struct sa_owner *,
		    const struct pfkey_policy *p);
void		 policy_flush(const struct sa_owner *);
/* Of the stored ones that which is the same, or NULL. */
const struct pfkey_policy *policy_find(const struct sa_owner *,
		    const struct pfkey_policy *p);
/*
 * For an SPDGET after an ACQUIRE: the last stored outward one between these
 * outer addresses (af 0: any), even if it was deleted since, or NULL if there
 * never was one.
 */
const struct pfkey_policy *policy_between(const struct sa_owner *,
		    enum client_dialect, const struct ip_addr *src,
		    const struct ip_addr *dst);
/* How many there are, deleted ones left out. */
unsigned int	 policy_count(const struct sa_owner *);

#endif /* CONTROL_H */
