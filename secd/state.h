/* SPDX-License-Identifier: ISC */
/*
 * What the parent remembers in the state directory about the devices it made:
 * which ones are its own (so that it adopts them and no others after a
 * restart), what it set on them (so that it changes only that), and the
 * parameters of those made by secctl (so that they come back).
 *
 * One text file, "interfaces", replaced whole by rename(2) after fsync(2).
 * Each record is a line `# device NAME boot ID netns N ifindex N
 * static|dynamic' and then the interface as secd.conf(5) would say it, without
 * its SAs, printed by conf_print_iface() and read back by conf_parse_stream().
 * An unknown boot ID is `-'.  The last line, `# end N', counts the records: a
 * file cut short is refused, not half believed.
 */
#ifndef STATE_H
#define STATE_H

#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "secd/request.h"

#define STATE_FILE	"interfaces"
#define STATE_BOOTLEN	40

struct state_dev {
	TAILQ_ENTRY(state_dev)	 entry;
	char			 boot[STATE_BOOTLEN];	/* "" = unknown */
	uint64_t		 netns;
	uint32_t		 ifindex;
	struct iface_conf	 conf;		/* as last applied */
};
TAILQ_HEAD(state_devs, state_dev);

/*
 * Read the file in dirfd; an absent one is an empty list.  Returns 0, or -1
 * with the complaint in why[size] (file:line: what, and the remedy).
 */
int	state_load(int dirfd, const char *dirname, struct state_devs *,
	    char *why, size_t size);
/*
 * Write it; 0, or -1 with the complaint, and the old file is untouched (unless
 * only the last step failed, making the new one durable: the complaint says
 * so).
 */
int	state_save(int dirfd, const char *dirname, const struct state_devs *,
	    char *why, size_t size);
struct state_dev *state_find(const struct state_devs *, const char *name);
struct state_dev *state_add(struct state_devs *, const struct iface_conf *);
void	state_remove(struct state_devs *, struct state_dev *);
void	state_clear(struct state_devs *);

#endif /* STATE_H */
