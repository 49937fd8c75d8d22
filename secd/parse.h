/* SPDX-License-Identifier: ISC */
/*
 * The actions of the grammar of secd.conf(5), which parse.y calls.  Each
 * complains, by lex_error(), of what it refuses and goes on, so that all that
 * is wrong gets told; after one complaint nobody is given the tree.
 */
#ifndef PARSE_H
#define PARSE_H

#include <stddef.h>
#include <stdint.h>

struct conf;
struct conf_iface;
struct ip_addr;

/* parse_value.c; what is the word before the value.  int: 0 or -1. */

/* Decimal, or hexadecimal after 0x. */
int		 parse_number(const char *what, const char *s, uint64_t *n);
/* At most 2^32 - 1, which is out of range for each field that takes this. */
uint32_t	 parse_clamp(uint64_t n);
int		 parse_address(const char *what, const char *s,
		    struct ip_addr *);
/* Set the bit in *seen, unless it is set already. */
int		 parse_once(unsigned int *seen, unsigned int bit,
		    const char *what);
/* Copy an absolute path of less than size octets to *field, once. */
void		 parse_path(char **field, const char *path, const char *what,
		    size_t size);

/* parse_engine.c */

/* Before the first statement of conf.  NULL: after the last. */
void		 parse_engine_start(struct conf *);
void		 parse_workers(const char *);
/* The word after crypto, and the one after that. */
void		 parse_crypto(const char *word, const char *name);
/* The words of one statement are taken in turn, and put together. */
void		 parse_offload_begin(void);
void		 parse_offload(const char *word);
void		 parse_offload_end(void);

/* parse_iface.c */

/* Before the first block of conf.  NULL: after the last. */
void		 parse_iface_start(struct conf *);
/* A block begins; with a wrong name too, so that its body is checked. */
void		 parse_iface_begin(const char *name);
/* Its interface, never NULL: one is made where an error ate its name. */
struct conf_iface *parse_iface(void);
void		 parse_iface_descr(const char *);
void		 parse_iface_device(const char *);
/* Either may be NULL: not given. */
void		 parse_iface_outer(const char *local, const char *peer);
/* local with a prefix length, of family af; peer may be NULL: not given. */
void		 parse_iface_inner(uint8_t af, const char *local,
		    const char *peer);
void		 parse_iface_mtu(const char *);
void		 parse_iface_replay(const char *);
void		 parse_iface_link(const char *);
/* port is the word after mode, or NULL. */
void		 parse_iface_encap(const char *mode, const char *port);
void		 parse_iface_acquire(const char *);
/* delay is the word after when, or NULL. */
void		 parse_iface_switch(const char *when, const char *delay);
void		 parse_iface_drain(const char *);
void		 parse_iface_follow(const char *);
void		 parse_iface_output(const char *);
void		 parse_iface_down(int down);
/* The block ends; the interface's ends may stand after its SAs. */
void		 parse_iface_end(void);

/* parse_sa.c */

enum sa_option {
	OPT_SPI, OPT_SRC, OPT_DST, OPT_ENC, OPT_AUTH, OPT_KEY, OPT_ESN,
	OPT_WINDOW, OPT_SEQ
};

/* An SA of that interface begins, SA_IN or SA_OUT, on that line. */
void		 parse_sa_begin(const struct conf_iface *, int dir, int line);
/* Its options; what is the option's name. */
void		 parse_sa_number(enum sa_option, const char *what,
		    const char *);
void		 parse_sa_addr(enum sa_option, const char *what, const char *);
void		 parse_sa_suite(enum sa_option, const char *what,
		    const char *);
void		 parse_sa_keyfile(const char *path);
void		 parse_sa_esn(void);
/* The caller complained of an option: the SA is not looked at as a whole. */
void		 parse_sa_spoil(void);
/* It is complete: add it to the interface, which is one of conf's. */
void		 parse_sa_end(const struct conf *, struct conf_iface *);
/* The block ends: does each SA of it go between the interface's ends? */
void		 parse_sa_check_ends(const struct conf_iface *);

#endif /* PARSE_H */
