/* SPDX-License-Identifier: ISC */
/*
 * secctl: what its files say to each other.  parser.c and values.c turn words
 * into a struct command and do no I/O; key.c holds the only key there is;
 * conn.c asks secd; show.c fetches answers page by page and hands rows to
 * text.c or json.c; secctl.c carries commands out.
 */
#ifndef SECCTL_H
#define SECCTL_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "libesp/esp.h"
#include "secd/ipc.h"
#include "secd/request.h"

enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,		/* secd refused, or the work failed here */
	CTL_USAGE = 2,		/* the words make no command */
	CTL_NOTALK = 3		/* secd can not be asked */
};

/* --- parser.c: words to a command --- */

enum action {
	ACT_NONE,
	ACT_ADD_SA,
	ACT_CREATE,
	ACT_DESTROY,
	ACT_DOWN,
	ACT_EXPIRE_HARD,
	ACT_EXPIRE_SOFT,
	ACT_FLUSH_SA,
	ACT_GENKEY,
	ACT_HELP,
	ACT_LOG_BRIEF,
	ACT_LOG_VERBOSE,
	ACT_MONITOR,
	ACT_RELOAD,
	ACT_REMOVE_SA,
	ACT_SHOW_CLIENTS,
	ACT_SHOW_CRYPTO,
	ACT_SHOW_DROPS,
	ACT_SHOW_IFACE,
	ACT_SHOW_PROCESS,
	ACT_SHOW_SA,
	ACT_STOP,
	ACT_STOP_DESTROY,
	ACT_UP
};

#define CTL_WHYLEN	1024
#define CTL_WORDS	64	/* in one command */

struct command {
	enum action		 action;
	char			 name[IFACE_NAMELEN];	/* "" = all */
	struct iface_conf	 iface;		/* create */
	struct sa_request	 sa;		/* add sa; never with a key */
	struct msg_sa_id	 id;		/* remove sa, expire */
	const struct esp_suite	*suite;		/* add sa, genkey */
	const char		*keyfile;	/* points into the words */
	const char		*topic;		/* help: a verb, or NULL */
};

/*
 * Make a command of n words.  Returns 0, or -1 with the complaint in
 * why[CTL_WHYLEN]; the words must outlive the command.
 */
int		 parser_parse(struct command *, int n, char *const words[],
		    char why[CTL_WHYLEN]);
/*
 * Cut a line into at most CTL_WORDS words, in place: separated by blanks, in
 * single or double quotes where they hold blanks, up to a # that begins a
 * word.  Returns how many, or -1 with the complaint.
 */
int		 parser_split(char *line, char *words[CTL_WORDS],
		    char why[CTL_WHYLEN]);
/* The i'th verb, in order of the alphabet, or NULL. */
const char	*parser_verb(size_t i);
/* The i'th line of help on a verb (NULL: on all): its form and its meaning. */
int		 parser_help(size_t i, const char *verb, const char **form,
		    const char **meaning);

/* --- key.c: the one key --- */

/*
 * Copy *req to locked memory and add the keys in the file ("-": standard
 * input): cipher key, salt, authentication key.  Returns the copy, valid until
 * key_wipe(), or NULL with the complaint; nothing of the keys is then left.
 */
const struct sa_request *key_load(const struct sa_request *req,
		    const struct esp_suite *, const char *path,
		    char why[CTL_WHYLEN]);
void		 key_wipe(void);
/* Write a fresh key of the suite to fd in hex; 0, or -1 with the complaint. */
int		 key_generate(const struct esp_suite *, int fd,
		    char why[CTL_WHYLEN]);

/* --- conn.c: talking to secd --- */

struct output;
struct ctl {
	const char		*path;		/* of secd's socket */
	int			 fd;		/* -1: not connected yet */
	uint32_t		 id;		/* of the last request */
	const struct output	*out;
	const char		*file;		/* of commands, or NULL */
	int			 line;		/* in it; 0 outside */
};

/* Say on standard error what is wrong, with file and line if there are. */
void		 ctl_warn(const struct ctl *, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));
/* Connect unless done already. */
enum ctl_exit	 ctl_connect(struct ctl *);
/*
 * Ask and wait for the answer of type want, copied to reply (of exactly that
 * type's size).  A refusal by secd is told to the user, unless its errno is
 * tolerate (0: none): then *reply is as before and the result CTL_OK.
 */
enum ctl_exit	 ctl_ask(struct ctl *, enum msg_type, const void *body,
		    size_t len, enum msg_type want, void *reply, size_t size,
		    int tolerate);
/* Ask for something to be done; prints what secd remarks. */
enum ctl_exit	 ctl_do(struct ctl *, enum msg_type, const void *body,
		    size_t len);
/* Wait for an event; CTL_NOTALK when secd has gone. */
enum ctl_exit	 ctl_event(struct ctl *, struct msg_event *);
/* Say that an answer makes no sense; CTL_NOTALK. */
enum ctl_exit	 ctl_nonsense(const struct ctl *, const char *what);
/* Wait up to so many milliseconds until the secd at the other end is gone. */
enum ctl_exit	 ctl_wait_gone(struct ctl *, int ms);
/*
 * Copy a text field of secd's, at most size octets, to buf[size + 1], with a
 * question mark for all that does not print.  Returns buf.
 */
const char	*ctl_clean(char *buf, const char *field, size_t size);

/* --- show.c: fetching answers --- */

enum ctl_exit	 show_ifaces(struct ctl *, const char *name);
enum ctl_exit	 show_sas(struct ctl *, const char *name);
enum ctl_exit	 show_clients(struct ctl *);
enum ctl_exit	 show_crypto(struct ctl *);
enum ctl_exit	 show_drops(struct ctl *);
enum ctl_exit	 show_process(struct ctl *);
/* Why a device that is up has no carrier, until asked again; or NULL. */
const char	*show_reason(const struct msg_iface_row *,
		    const struct msg_device *);
/*
 * The counter's printable name in buf, or NULL if the i'th counts no drop
 * (unnamed, or libesp's success).
 */
const char	*show_drop_name(const struct msg_drops *, unsigned int i,
		    char buf[IPC_DROP_NAMELEN + 1]);
/* The i'th counter of what the kernel dropped; 0, or -1 after the last. */
int		 show_kernel_drop(const struct msg_device *, unsigned int i,
		    const char **name, uint64_t *n);
const char	*show_state(unsigned int sa_state);
const char	*show_rule(unsigned int sa_rule);
const char	*show_encap(unsigned int encap_mode);
const char	*show_output(unsigned int output_mode);
const char	*show_backend(unsigned int crypto_choice);
const char	*show_dialect(unsigned int client_dialect);
const char	*show_priority(int syslog_priority);

/* --- text.c and json.c: the same rows for people and for programs --- */

struct output {
	/* Begin a list (NULL: a single answer) of that name, and end it. */
	void	(*begin)(const char *list);
	void	(*end)(void);
	void	(*iface)(const struct msg_iface_row *,
		    const struct msg_device *, const struct msg_drops *);
	void	(*sa)(const struct msg_sa_row *, const struct msg_drops *,
		    time_t now);
	/* A client, and the SAs of its owner: with keys, without. */
	void	(*client)(const struct msg_client *, unsigned int nsas,
		    unsigned int nlarval);
	/* Who computes ciphers: the choice, then each suite. */
	void	(*crypto)(const struct msg_crypto *);
	/* Drops of an interface, or (NULL, no device) stray ones. */
	void	(*drops)(const char *iface, const uint64_t *,
		    const struct msg_device *, const struct msg_drops *);
	void	(*process)(const struct msg_process *, time_t now);
	void	(*event)(const struct msg_event *);
};
extern const struct output text_output, json_output;

#endif /* SECCTL_H */
