/* SPDX-License-Identifier: ISC */
/*
 * What parser.c, which knows the words, and values.c, which judges what is
 * given with them, need of each other.
 */
#ifndef PARSER_H
#define PARSER_H

#include "secctl/secctl.h"

struct parse {
	struct command	*cmd;
	char		*why;
	unsigned int	 given;		/* enum once */
	char		 trail[32];	/* the first two words, in full */
};

/* --- parser.c --- */

/* The complaint of the parse; -1. */
int		 bad(struct parse *, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));
/* What a person typed, fit to be shown. */
const char	*shown(const char *word);
/* One more to a list of words, separated by commas. */
void		 append(char *list, size_t size, const char *word);

/* --- values.c --- */

/* Each takes one word to the command: 0, or -1 after a complaint. */
int		 take_iface(struct parse *, const char *);
int		 take_in(struct parse *, const char *);
int		 take_out(struct parse *, const char *);
int		 take_esn(struct parse *, const char *);
int		 take_spi(struct parse *, const char *);
int		 take_src(struct parse *, const char *);
int		 take_dst(struct parse *, const char *);
int		 take_enc(struct parse *, const char *);
int		 take_auth(struct parse *, const char *);
int		 take_keyfile(struct parse *, const char *);
int		 take_replay(struct parse *, const char *);
int		 take_seq(struct parse *, const char *);
int		 take_local(struct parse *, const char *);
int		 take_peer(struct parse *, const char *);
int		 take_inet(struct parse *, const char *);
int		 take_inet6(struct parse *, const char *);
int		 take_far(struct parse *, const char *);
int		 take_mtu(struct parse *, const char *);
int		 take_id_spi(struct parse *, const char *);
int		 take_id_dst(struct parse *, const char *);
int		 take_encap_auto(struct parse *, const char *);
int		 take_encap_udp(struct parse *, const char *);
int		 take_encap_none(struct parse *, const char *);
int		 take_encap_port(struct parse *, const char *);
int		 take_acquire(struct parse *, const char *);
int		 take_output_packet(struct parse *, const char *);
/* Do cipher and auth make a suite?  word stands before an auth, or "". */
int		 check_suite(struct parse *, const char *word);

#endif /* PARSER_H */
