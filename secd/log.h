/* SPDX-License-Identifier: ISC */
/*
 * One line of log at a time.  The parent writes to syslog(3), or standard
 * error in the foreground; a child writes "<priority>text" lines to its
 * standard error, a pipe that the parent reads, so that even the last words
 * of a crash arrive.  Lines are lower case, subject first, no full stop.
 */
#ifndef LOG_H
#define LOG_H

#include <stdarg.h>
#include <stddef.h>

#define LOG_LINE_MAX	400

enum log_sink { LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_PARENT };

/* name is put before each line; NULL for none. */
void	log_init(const char *name, enum log_sink);
void	log_set_verbose(int);
int	log_verbose(void);
/* Also hand every line that is logged to hook (the parent's, for monitors). */
void	log_set_hook(void (*hook)(int priority, const char *line));

/* The machine refused something, or a process broke its word. */
void	log_warn(const char *, ...) __attribute__((format(printf, 1, 2)));
void	log_warnx(const char *, ...) __attribute__((format(printf, 1, 2)));
/* What an operator would act on or look for afterwards. */
void	log_info(const char *, ...) __attribute__((format(printf, 1, 2)));
/* Only when verbose. */
void	log_debug(const char *, ...) __attribute__((format(printf, 1, 2)));
/* Log and exit 1; fatal adds the text of errno. */
void	fatal(const char *, ...)
	    __attribute__((noreturn, format(printf, 1, 2)));
void	fatalx(const char *, ...)
	    __attribute__((noreturn, format(printf, 1, 2)));

/* Pass on a child's line as it came, with its own priority. */
void	log_relay(const char *child, const char *line);

/*
 * 1 if a line of this cause may be logged now, else 0: at most one in
 * LOG_INTERVAL seconds for each struct.  suppressed counts those withheld
 * since the last.
 */
#define LOG_INTERVAL	10
struct log_limit {
	long long	last;		/* seconds, monotonic; 0 never */
	unsigned long	suppressed;
};
int	log_allowed(struct log_limit *);

#endif /* LOG_H */
