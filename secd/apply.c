/* SPDX-License-Identifier: ISC */
/*
 * From one configuration to another, whole or not at all: new devices first
 * (they can be undone), then the engine decides, then what cannot fail any
 * more.  The same path serves start, reload, create and destroy.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/log.h"
#include "secd/parent.h"

static struct conf	*current;	/* in force */
static struct conf	*target;	/* being applied; NULL when idle */
static apply_done	 target_done;
static void		*target_arg;

int
apply_busy(void)
{
	return target != NULL;
}

const struct conf *
apply_current(void)
{
	return current;
}

struct conf *
apply_copy(void)
{
	struct conf *c = conf_new();
	const struct conf_iface *i;
	const struct conf_sa *s;
	struct conf_iface *ci;

	c->engine = current->engine;
	TAILQ_FOREACH(i, &current->ifaces, entry) {
		ci = conf_add(c, &i->conf);
		TAILQ_FOREACH(s, &i->sas, entry)
			conf_add_sa(ci, s);
	}
	if ((current->statedir != NULL &&
	    (c->statedir = strdup(current->statedir)) == NULL) ||
	    (current->restricted != NULL &&
	    (c->restricted = strdup(current->restricted)) == NULL))
		fatal("configuration");
	return c;
}

static void
finish(int error, const char *text)
{
	apply_done done = target_done;

	target = NULL;
	done(error, text, target_arg);
}

/* Devices that the engine did not take go as they came. */
static void
undo(void)
{
	struct device *d, *next;

	for (d = TAILQ_FIRST(device_all()); d != NULL; d = next) {
		next = TAILQ_NEXT(d, entry);
		if (!d->handed)
			device_undo(d);
	}
	conf_free(target);
}

static int
open_devices(char *why, size_t size)
{
	const struct conf_iface *ci;
	const struct device *d;

	TAILQ_FOREACH(ci, &target->ifaces, entry) {
		if ((d = device_find(ci->conf.name)) == NULL) {
			if (device_open(&ci->conf, why, size) == NULL)
				return errno != 0 ? errno : EIO;
		} else if (strcmp(d->rec->conf.device, ci->conf.device) != 0) {
			snprintf(why, size, "%s: its device cannot change "
			    "while it exists; destroy it first",
			    ci->conf.name);
			return EINVAL;
		}
	}
	return 0;
}

static void
say(enum msg_type type, int fd, const void *body, size_t len)
{
	if (ipc_send_now(parent_engine(), type, 0, fd, body, len) == -1)
		fatal("configuration to the engine");
}

static int
send_sa(const struct conf_sa *cs, uint32_t index, int keep, char *why,
    size_t size)
{
	struct msg_conf_sa m;
	char complaint[160];
	int fd = -1;

	if (!keep && (fd = conf_open_keyfile(cs->keyfile, complaint,
	    sizeof(complaint))) == -1) {
		snprintf(why, size, "%s:%d: %s", cs->file, cs->line, complaint);
		return EINVAL;
	}
	memset(&m, 0, sizeof(m));
	m.sa = cs->req;
	m.sa.flags |= SA_F_CONF | SA_F_STATIC;
	m.index = index;
	m.keep = (uint32_t)keep;
	say(MSG_CONF_SA, fd, &m, sizeof(m));
	if (fd != -1)
		close(fd);
	return 0;
}

static int
send_all(int keep, char *why, size_t size)
{
	const struct conf_iface *ci;
	const struct conf_sa *cs;
	struct msg_conf_iface m;
	const struct device *d;
	uint32_t index = 0;
	int error;

	wires_udp(target);
	wires_bypass(target);
	say(MSG_CONF_BEGIN, -1, NULL, 0);
	TAILQ_FOREACH(ci, &target->ifaces, entry) {
		d = device_find(ci->conf.name);
		memset(&m, 0, sizeof(m));
		m.conf = ci->conf;
		m.forced = (uint32_t)d->forced;
		m.takes = d->takes;
		say(MSG_CONF_IFACE, d->handed ? -1 : d->fd, &m, sizeof(m));
	}
	TAILQ_FOREACH(ci, &target->ifaces, entry)
		TAILQ_FOREACH(cs, &ci->sas, entry)
			if ((error = send_sa(cs, index++, keep, why,
			    size)) != 0)
				return error;
	say(MSG_CONF_END, -1, NULL, 0);
	return 0;
}

void
apply_start(struct conf *c, int keep, apply_done done, void *arg)
{
	char why[IPC_TEXTLEN] = "";
	int error;

	target = c;
	target_done = done;
	target_arg = arg;
	if ((error = open_devices(why, sizeof(why))) != 0 ||
	    (error = send_all(keep, why, sizeof(why))) != 0) {
		undo();
		finish(error, why);
	}
}

/* The SA that a complaint of the engine is about. */
static const struct conf_sa *
sa_at(uint32_t index)
{
	const struct conf_iface *ci;
	const struct conf_sa *cs;

	TAILQ_FOREACH(ci, &target->ifaces, entry)
		TAILQ_FOREACH(cs, &ci->sas, entry)
			if (index-- == 0)
				return cs;
	return NULL;
}

static void
refused(const struct msg_conf_done *m)
{
	const struct conf_sa *cs = m->index != UINT32_MAX ? sa_at(m->index) :
	    NULL;
	char why[IPC_TEXTLEN];

	if (cs != NULL)
		snprintf(why, sizeof(why), "%s:%d: %.160s", cs->file,
		    cs->line, m->text);
	else
		strlcpy(why, m->text, sizeof(why));
	undo();
	finish(m->error, why);
}

void
apply_answer(const struct msg_conf_done *m)
{
	struct conf_iface *ci;
	struct device *d, *next;

	if (target == NULL || !text_ok(m->text, sizeof(m->text)))
		return;
	if (m->error != 0) {
		refused(m);
		return;
	}
	for (d = TAILQ_FIRST(device_all()); d != NULL; d = next) {
		next = TAILQ_NEXT(d, entry);
		if ((ci = conf_find(target, d->rec->conf.name)) == NULL) {
			device_destroy(d);
			continue;
		}
		device_change(d, &ci->conf);
		d->fresh = 0;
		d->handed = 1;
	}
	device_save();
	conf_free(current);
	current = target;
	finish(0, "");
}
