/* SPDX-License-Identifier: ISC */
/*
 * TAP for the C unit tests: ok(condition, "what it shows") for each check,
 * return tap_done() at the end of main.  The plan comes last, so a test that
 * dies early fails for want of one.
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdio.h>

static int tap_count, tap_failed;

static inline int __attribute__((format(printf, 4, 5)))
tap_ok(int good, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", good ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	if (!good) {
		tap_failed++;
		printf("# at %s:%d\n", file, line);
	}
	fflush(stdout);
	return good;
}

#define ok(good, ...)	tap_ok((good) != 0, __FILE__, __LINE__, __VA_ARGS__)
#define is(a, b, ...)	tap_is((long long)(a), (long long)(b),		\
			    __FILE__, __LINE__, __VA_ARGS__)

static inline int __attribute__((format(printf, 5, 6)))
tap_is(long long a, long long b, const char *file, int line,
    const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (tap_ok(a == b, file, line, "%s", what))
		return 1;
	printf("# got %lld, expected %lld\n", a, b);
	return 0;
}

static inline int
tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

#endif /* TAP_H */
