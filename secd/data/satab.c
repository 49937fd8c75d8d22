/* SPDX-License-Identifier: ISC */
/*
 * Inbound SAs by SPI and destination (RFC 4301 4.1).  SPIs are chosen at
 * random or counted up; either way their low bits spread well enough, and a
 * peer cannot choose ours.
 */
#include "secd/data/data.h"

_Static_assert(offsetof(struct data_sa, limit) <= DATA_SA_HOT, "hot is first");

static struct data_sa **
bucket(struct satab *t, uint32_t spi)
{
	return &t->bucket[(spi ^ spi >> 16) & (SATAB_SIZE - 1)];
}

void
satab_add(struct satab *t, struct data_sa *sa)
{
	struct data_sa **b = bucket(t, sa->spi);

	sa->next = *b;
	*b = sa;
}

int
satab_remove(struct satab *t, struct data_sa *sa)
{
	struct data_sa **p;

	for (p = bucket(t, sa->spi); *p != NULL; p = &(*p)->next)
		if (*p == sa) {
			*p = sa->next;
			return 1;
		}
	return 0;
}

struct data_sa *
satab_find(const struct satab *t, uint32_t spi, const struct ip_addr *dst)
{
	struct data_sa *sa;

	for (sa = *bucket((struct satab *)(uintptr_t)t, spi); sa != NULL;
	    sa = sa->next)
		if (sa->spi == spi && addr_equal(&sa->path.dst, dst))
			return sa;
	return NULL;
}

void
satab_fetch(const struct satab *t, uint32_t spi)
{
	__builtin_prefetch(bucket((struct satab *)(uintptr_t)t, spi));
}

void
satab_fetch_sa(const struct satab *t, uint32_t spi)
{
	const char *sa = (const char *)*bucket((struct satab *)(uintptr_t)t,
	    spi);
	size_t at;

	/* of none the address is of no harm */
	for (at = 0; at < DATA_SA_HOT; at += 64)
		__builtin_prefetch(sa + at, 1);
}
