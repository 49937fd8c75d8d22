/* SPDX-License-Identifier: ISC */
/*
 * tun devices: made, adopted, changed, removed, and what the state directory
 * remembers of them.  A record is written before the device is made, so that
 * no device of ours is ever taken for a stranger's.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/log.h"
#include "secd/parent.h"
#include "secd/sys/sys.h"

#define BUSY_MS		2000	/* a device may be busy for so long */

static struct devices	 devices = TAILQ_HEAD_INITIALIZER(devices);
static struct state_devs records = TAILQ_HEAD_INITIALIZER(records);
static int		 statefd = -1;
static char		*statedir;
static char		 boot[STATE_BOOTLEN];
static uint64_t		 netns;

int
device_init(int fd, const char *dir, char *why, size_t size)
{
	statefd = fd;
	if ((statedir = strdup(dir)) == NULL)
		fatal("device");
	sys_boot_id(boot, sizeof(boot));
	netns = sys_netns_id();
	return state_load(statefd, statedir, &records, why, size);
}

const struct devices *
device_all(void)
{
	return &devices;
}

const struct state_devs *
device_records(void)
{
	return &records;
}

struct device *
device_find(const char *name)
{
	struct device *d;

	TAILQ_FOREACH(d, &devices, entry)
		if (strcmp(d->rec->conf.name, name) == 0)
			return d;
	return NULL;
}

static int
save(char *why, size_t size)
{
	return state_save(statefd, statedir, &records, why, size);
}

int
device_save(void)
{
	char why[256];

	if (save(why, sizeof(why)) == 0)
		return 0;
	log_warnx("%s", why);
	return -1;
}

/* The name the kernel knows it by. */
static const char *
devname(const struct iface_conf *ic)
{
	return ic->device[0] != '\0' ? ic->device : ic->name;
}

/* Did an earlier secd make this one, in this boot and network namespace? */
static int
ours(const struct state_dev *rec, const struct sys_iface *si)
{
	return rec != NULL && si->is_tun && strcmp(rec->boot, boot) == 0 &&
	    rec->netns == netns &&
	    (rec->ifindex == 0 || rec->ifindex == si->ifindex);
}

static int
get(const char *name, struct sys_iface *si)
{
	int r;

	sys_priv(SYS_PRIV_NET);
	r = sys_iface_get(name, si);
	sys_priv(0);
	return r;
}

/* --- parameters --- */

static int
same_addr(const struct iface_addr *a, const struct iface_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static int
has_addr(const struct iface_conf *ic, const struct iface_addr *a)
{
	size_t i;

	for (i = 0; i < ic->naddrs; i++)
		if (same_addr(&ic->addrs[i], a))
			return 1;
	return 0;
}

/*
 * Routes at the device hold while it has no carrier.  Asked for again after
 * each change of the MTU: below 1280 the kernel forgets all it was told of
 * inet6.
 */
static int
fail_closed(struct device *d, char *why, size_t size)
{
	int r, was = d->forced;

	if ((r = sys_iface_fail_closed(d->devname, why, size)) == -1)
		return -1;
	d->forced = r == 1;
	if (d->forced && !was)
		log_warnx("%s: %s: its carrier is kept up while secd runs; "
		    "sec(4) gives a route for the time without secd",
		    d->rec->conf.name, why);
	return 0;
}

static int
set_mtu(struct device *d, uint32_t mtu, char *why, size_t size)
{
	if (sys_iface_set_mtu(d->devname, mtu) == -1) {
		snprintf(why, size, "mtu %u: %s", mtu, strerror(errno));
		return -1;
	}
	return fail_closed(d, why, size);
}

static int
set_addr(int (*set)(const char *, const struct ip_addr *,
    const struct ip_addr *, unsigned int), const struct device *d,
    const struct iface_addr *a, char *why, size_t size)
{
	char text[ADDR_STRLEN];

	if (set(d->devname, &a->local, &a->peer, a->prefixlen) == 0)
		return 0;
	snprintf(why, size, "address %s: %s", addr_print(&a->local, text),
	    strerror(errno));
	return -1;
}

/*
 * From old (NULL: nothing is set yet) to new; privileges are up.  Addresses go
 * before the MTU shrinks and come after it grows.  0, or -1 with the complaint.
 */
static int
set_params(struct device *d, const struct iface_conf *old,
    const struct iface_conf *new, char *why, size_t size)
{
	size_t i;

	for (i = 0; old != NULL && i < old->naddrs; i++)
		if (!has_addr(new, &old->addrs[i]) &&
		    set_addr(sys_iface_del_addr, d, &old->addrs[i], why,
		    size) == -1)
			return -1;
	if ((old == NULL || old->mtu != new->mtu) &&
	    set_mtu(d, new->mtu, why, size) == -1)
		return -1;
	for (i = 0; i < new->naddrs; i++)
		if ((old == NULL || !has_addr(old, &new->addrs[i])) &&
		    set_addr(sys_iface_add_addr, d, &new->addrs[i], why,
		    size) == -1)
			return -1;
	if ((old == NULL || old->down != new->down) &&
	    sys_iface_set_up(d->devname, !new->down) == -1) {
		snprintf(why, size, "set it %s: %s", new->down ? "down" : "up",
		    strerror(errno));
		return -1;
	}
	return 0;
}

/* What it takes is asked first; then it hands over what it may. */
static void
set_offload(struct device *d)
{
	unsigned int want = 0;

	d->takes = sys_tun_offload(d->fd, SYS_TSO | SYS_USO);
	if (parent.engine.offload & OFFLOAD_TSO)
		want |= SYS_TSO;
	if (parent.engine.offload & OFFLOAD_USO)
		want |= SYS_USO;
	sys_tun_offload(d->fd, want);
}

/*
 * Open the tun, then everything on it; privileges are up.  Errors are told in
 * full.
 */
static int
set_up(struct device *d, const struct iface_conf *old,
    const struct iface_conf *new, char *why, size_t size)
{
	char what[160];
	int i, r;

	/* a secd that was just killed may not have let go of it yet */
	for (i = 0; (d->fd = sys_tun_open(d->devname)) == -1 &&
	    errno == EBUSY && i < BUSY_MS / 20; i++)
		poll(NULL, 0, 20);
	if (d->fd == -1) {
		r = errno;
		snprintf(why, size, "%s: cannot open a tun device: %s%s",
		    new->name, strerror(r), r == ENOENT || r == ENODEV ?
		    " (no tun driver: load the module, or give the container "
		    "/dev/net/tun)" : r == EPERM || r == EACCES ?
		    " (secd needs CAP_NET_ADMIN)" : "");
		errno = r;
		return -1;
	}
	set_offload(d);
	/* before any route can point at it */
	if (fail_closed(d, what, sizeof(what)) == 0 &&
	    set_params(d, old, new, what, sizeof(what)) == 0)
		return 0;
	snprintf(why, size, "%s: %s", new->name, what);
	errno = EIO;
	return -1;
}

/* --- making and adopting --- */

static struct device *
device_new(struct state_dev *rec)
{
	struct device *d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		fatal("device");
	d->rec = rec;
	d->devname = devname(&rec->conf);
	d->fd = -1;
	TAILQ_INSERT_TAIL(&devices, d, entry);
	return d;
}

static void
device_free(struct device *d)
{
	TAILQ_REMOVE(&devices, d, entry);
	if (d->fd != -1)
		close(d->fd);
	free(d);
}

static struct device *
adopt(struct state_dev *rec, const struct iface_conf *ic, char *why,
    size_t size)
{
	/* a record without index was not finished: set everything again */
	const struct iface_conf was = rec->conf, *old =
	    rec->ifindex != 0 ? &was : NULL;
	struct device *d;
	struct sys_iface si;
	int r, saved;

	rec->conf = *ic;
	d = device_new(rec);
	sys_priv(SYS_PRIV_NET);
	r = set_up(d, old, ic, why, size);
	saved = errno;
	sys_priv(0);
	if (r == -1) {
		rec->conf = was;
		device_free(d);
		errno = saved;
		return NULL;
	}
	if (get(d->devname, &si) == 0)
		rec->ifindex = si.ifindex;
	device_save();
	log_info("%s: adopted", ic->name);
	return d;
}

static void
unmake(struct device *d)
{
	struct state_dev *rec = d->rec;

	sys_priv(SYS_PRIV_NET);
	if (sys_iface_destroy(d->devname) == -1 && errno != ENODEV)
		log_warn("%s: remove the device", d->devname);
	sys_priv(0);
	device_free(d);
	state_remove(&records, rec);
	device_save();
}

static struct device *
make(const struct iface_conf *ic, char *why, size_t size)
{
	struct state_dev *rec = state_find(&records, ic->name);
	struct sys_iface si;
	struct device *d;
	int r, saved;

	if (rec != NULL)
		state_remove(&records, rec);
	if ((rec = state_add(&records, ic)) == NULL)
		fatal("device");
	strlcpy(rec->boot, boot, sizeof(rec->boot));
	rec->netns = netns;
	if (save(why, size) == -1) {
		state_remove(&records, rec);
		errno = EIO;
		return NULL;
	}
	d = device_new(rec);
	d->fresh = 1;
	sys_priv(SYS_PRIV_NET);
	r = set_up(d, NULL, ic, why, size);
	saved = errno;
	sys_priv(0);
	if (r == 0 && get(d->devname, &si) == 0 && si.ifindex != 0) {
		rec->ifindex = si.ifindex;
		device_save();
		log_info("%s: device made", ic->name);
		return d;
	}
	unmake(d);
	errno = saved;
	return NULL;
}

struct device *
device_open(const struct iface_conf *ic, char *why, size_t size)
{
	struct state_dev *rec = state_find(&records, ic->name);
	struct sys_iface si;

	if (sys_tun_needs_device() != (ic->device[0] != '\0')) {
		snprintf(why, size, ic->device[0] != '\0' ? "%s: 'device %s': "
		    "on this system the tun device bears the interface's name" :
		    "%s: name its tun device on this system: 'device tun0'%s",
		    ic->name, ic->device);
		errno = EINVAL;
		return NULL;
	}
	if (get(devname(ic), &si) == -1) {
		snprintf(why, size, "%s: %s", ic->name, strerror(errno));
		return NULL;
	}
	if (si.ifindex == 0)
		return make(ic, why, size);
	if (ours(rec, &si))
		return adopt(rec, ic, why, size);
	snprintf(why, size, "%s: a device of that name exists and secd did not "
	    "make it; remove it or choose another name", devname(ic));
	errno = EEXIST;
	return NULL;
}

void
device_undo(struct device *d)
{
	if (d->fresh)
		unmake(d);
	else
		device_free(d);
}

void
device_change(struct device *d, const struct iface_conf *ic)
{
	struct iface_conf was = d->rec->conf;
	char what[160];

	d->rec->conf = *ic;
	if (memcmp(&was, ic, sizeof(was)) == 0)
		return;
	sys_priv(SYS_PRIV_NET);
	if (set_params(d, &was, ic, what, sizeof(what)) == -1)
		log_warnx("%s: %s", ic->name, what);
	sys_priv(0);
}

void
device_destroy(struct device *d)
{
	log_info("%s: device removed", d->rec->conf.name);
	unmake(d);
}

void
device_forget(struct state_dev *rec)
{
	struct sys_iface si;

	if (get(devname(&rec->conf), &si) == 0 && si.ifindex != 0 &&
	    ours(rec, &si)) {
		device_destroy(device_new(rec));
		return;
	}
	state_remove(&records, rec);
	device_save();
}

int
device_set_up(struct device *d, int up)
{
	int r;

	sys_priv(SYS_PRIV_NET);
	r = sys_iface_set_up(d->devname, up);
	sys_priv(0);
	return r;
}

/*
 * The kernel has one counter for what it drops before secd could read it: for
 * want of a carrier, or because the queue was full.  Read at each change of the
 * carrier it makes two.
 */
static void
count_drops(struct device *d, const struct sys_iface *si)
{
	uint64_t *c = d->carrier ? &d->queue_full : &d->link_down;

	if (si->tx_dropped > d->dropped)
		*c += si->tx_dropped - d->dropped;
	d->dropped = si->tx_dropped;
}

void
device_carrier(struct device *d, int up)
{
	struct sys_iface si;

	if (get(d->devname, &si) == 0 && si.ifindex != 0)
		count_drops(d, &si);
	d->carrier = up;
}

void
device_show(struct device *d, struct msg_device *m)
{
	struct sys_iface si;

	memset(m, 0, sizeof(*m));
	strlcpy(m->name, d->rec->conf.name, sizeof(m->name));
	if (get(d->devname, &si) == -1 || si.ifindex == 0)
		return;
	count_drops(d, &si);
	m->ifindex = si.ifindex;
	m->mtu = si.mtu;
	m->up = si.up != 0;
	m->carrier = si.carrier != 0;
	m->link_down = d->link_down;
	m->queue_full = d->queue_full;
}
