/* SPDX-License-Identifier: ISC */
/*
 * The parent: configuration, devices, sockets for others, the ledger.  It never
 * parses bytes of the network or of a client, and does for its children only
 * what the tables in parent.c list.
 */
#ifndef PARENT_H
#define PARENT_H

#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "secd/conf.h"
#include "secd/ipc.h"
#include "secd/log.h"
#include "secd/proc.h"
#include "secd/state.h"

struct parent_opts {
	const char	*confpath;	/* absolute */
	const char	*rundir;	/* absolute */
	int		 foreground;
	int		 verbose;
};

/* --- parent.c: start, end, and what each child may ask --- */

extern struct parent {			/* what it tells of itself */
	struct parent_opts opts;
	char		*statedir;
	time_t		 started;
	unsigned int	 lost;		/* 1 << enum sys_lost */
	struct engine_conf engine;
} parent;

int	parent_main(const struct parent_opts *);	/* exit status */
/* The engine, for apply.c. */
struct ipc *parent_engine(void);
/* The first configuration works: let clients in. */
void	parent_serves(void);
/* End as soon as the engine has said what it owes; perhaps without devices. */
void	parent_quit(int destroy);

/* --- children.c --- */

struct child {
	enum role	 role;
	const char	*title;
	pid_t		 pid;		/* 0: none */
	struct ipc	*ipc;
	int		 ready;
	int		 logfd;
	struct event	*logev;
	char		 line[LOG_LINE_MAX];
	size_t		 linelen;
	char		 cut[LOG_LINE_MAX];	/* the last one held back */
	unsigned int	 lines;		/* relayed in this interval */
	time_t		 lines_since;
};

extern struct child control, engine;

/* Start one; fatal if that fails.  Its messages come with it as argument. */
void	child_start(struct child *, struct event_base *, int selffd,
	    const struct role_args *, ipc_cb, ipc_closed_cb);
/* One is gone, or its channel is: say which, and how. */
void	children_lost(const struct child *first_seen);
/* Close their channels, which ends them, and wait until they are gone. */
void	children_end(void);

/* --- ask.c: on behalf of control (a message), a signal, the start --- */

void	ask_start(struct conf *first);	/* taken over */
void	ask_hangup(void);
void	ask_create(struct ipc *, struct ipc_msg *);
void	ask_destroy(struct ipc *, struct ipc_msg *);
void	ask_up_down(struct ipc *, struct ipc_msg *);
void	ask_device(struct ipc *, struct ipc_msg *);
void	ask_process(struct ipc *, struct ipc_msg *);
void	ask_reload(struct ipc *, struct ipc_msg *);
void	ask_log(struct ipc *, struct ipc_msg *);
void	ask_stop(struct ipc *, struct ipc_msg *);

/* --- rundir.c: the run and state directories --- */

/*
 * Make (with this mode) or check a directory that root alone can write, and
 * lock it against a second secd.  Returns its descriptor, which holds the lock,
 * or -1 with the complaint in why[size].
 */
int	rundir_open(const char *path, unsigned int mode, char *why,
	    size_t size);
/* Let go of the locks. */
void	rundir_release(void);
/*
 * A SEQPACKET socket of this mode at path, replacing a dead one's, with group
 * gid unless it is 0; nobody can connect before listen(2).  Called before there
 * are threads.  Descriptor or -1 with the complaint.
 */
int	rundir_bind(const char *path, unsigned int mode, unsigned int gid,
	    char *why, size_t size);

/* --- device.c: tun devices, and what is remembered of them --- */

struct device {
	TAILQ_ENTRY(device)	 entry;
	struct state_dev	*rec;
	const char		*devname;	/* in rec->conf */
	int			 fd;		/* tun; the engine has it too */
	int			 forced;	/* keep the carrier up */
	unsigned int		 takes;		/* SYS_TSO, SYS_USO */
	int			 fresh;		/* by the change under way */
	int			 handed;	/* the engine has fd */
	int			 carrier;	/* as the engine set it */
	/* dropped by the kernel: at the last look, and shared out */
	uint64_t		 dropped;
	uint64_t		 link_down;
	uint64_t		 queue_full;
};
TAILQ_HEAD(devices, device);

/* Load the records of the state directory; 0, or -1 with the complaint. */
int	device_init(int statefd, const char *statedir, char *why, size_t size);
/* All devices that are open. */
const struct devices *device_all(void);
struct device *device_find(const char *name);
/* Records of earlier lives, to be made into configuration or forgotten. */
const struct state_devs *device_records(void);
/*
 * Make the device of an interface, or adopt the one that an earlier secd made.
 * Returns it, or NULL with errno and the complaint; then nothing has changed.
 */
struct device *device_open(const struct iface_conf *, char *why, size_t size);
/* Undo device_open: remove what was made, let go of what was adopted. */
void	device_undo(struct device *);
/* Set what differs between the present parameters and these. */
void	device_change(struct device *, const struct iface_conf *);
/* Remove it for good. */
void	device_destroy(struct device *);
/* Remove the device of a record that is no longer configured. */
void	device_forget(struct state_dev *);
/* Administratively up or down; 0, or -1 with errno. */
int	device_set_up(struct device *, int up);
/* The engine set the carrier. */
void	device_carrier(struct device *, int up);
/* What the kernel knows. */
void	device_show(struct device *, struct msg_device *);
/* Write the records; complaints go to the log. */
int	device_save(void);

/* --- wires.c: outer sockets for the engine --- */

/* The raw ones, once. */
void	wires_raw(unsigned int workers);
/*
 * The UDP ones that this configuration needs and the engine has not.  One that
 * cannot be had is a line in the log, and tried again the next time.
 */
void	wires_udp(const struct conf *);
/* What an interface of it needs for `output packet', once. */
void	wires_bypass(const struct conf *);

/* --- apply.c: from one configuration to another --- */

typedef void (*apply_done)(int error, const char *text, void *arg);

/*
 * Make target (taken over) the configuration: devices, then the engine, then
 * what is left.  On any error everything stays as it was.  With keep, SAs are
 * left as they are and no key file is read.  done is called once, perhaps
 * before this returns; one at a time (apply_busy()).
 */
void	apply_start(struct conf *target, int keep, apply_done done, void *arg);
int	apply_busy(void);
/* The engine's answer. */
void	apply_answer(const struct msg_conf_done *);
/* The configuration in force; NULL before the first. */
const struct conf *apply_current(void);
/* A copy of it, to be changed and applied. */
struct conf *apply_copy(void);

/* --- grant.c: the ledger as the engine sees it --- */

/* Open the ledger in the state directory; 0, or -1 with the complaint. */
int	grant_init(int statefd, const char *statedir, char *why, size_t size);
/* Start its thread in this process. */
void	grant_start(struct event_base *);
void	grant_reserve(struct ipc *, uint32_t id, const struct msg_reserve *);
void	grant_seen(const struct msg_seen *);
void	grant_release(const struct msg_release *);
/* Commit what is left. */
void	grant_stop(void);

#endif /* PARENT_H */
