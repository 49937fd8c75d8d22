/* SPDX-License-Identifier: ISC */
/*
 * Group commit of the ledger in a thread of its own, so that a slow disk never
 * stops the parent.  The ledger itself is touched only in the loop; the thread
 * gets a job, writes it, and says so through a pipe.  While it does, whatever
 * becomes dirty gathers for the next job.
 */
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "secd/ledger.h"

struct ledger_sync {
	struct ledger	*ledger;
	void		(*done)(int, void *);
	void		*arg;
	struct event	*written;	/* the pipe is readable */
	int		 pipe[2];	/* one octet for each job */
	struct ledger_job *job;		/* out, or NULL; the loop's */
	int		 kicked;	/* while a job was out */
	pthread_t	 thread;

	/* shared with the thread, under the mutex */
	pthread_mutex_t	 mutex;
	pthread_cond_t	 cond;
	struct ledger_job *todo;
	int		 error;		/* of the last job */
	int		 quit;
};

static void *
writer(void *arg)
{
	struct ledger_sync *s = arg;
	struct ledger_job *job;
	int error;

	pthread_mutex_lock(&s->mutex);
	for (;;) {
		while (s->todo == NULL && !s->quit)
			pthread_cond_wait(&s->cond, &s->mutex);
		if ((job = s->todo) == NULL)
			break;
		pthread_mutex_unlock(&s->mutex);
		error = ledger_write(job);
		pthread_mutex_lock(&s->mutex);
		s->todo = NULL;
		s->error = error;
		/* no signal comes here, and one octet always has room */
		(void)!write(s->pipe[1], "", 1);
	}
	pthread_mutex_unlock(&s->mutex);
	return NULL;
}

static void
start(struct ledger_sync *s)
{
	s->kicked = 0;
	if ((s->job = ledger_begin(s->ledger)) == NULL)
		return;
	pthread_mutex_lock(&s->mutex);
	s->todo = s->job;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->mutex);
}

/* The thread has let go of the job. */
static int
finish(struct ledger_sync *s)
{
	struct ledger_job *job = s->job;
	int error;

	pthread_mutex_lock(&s->mutex);
	error = s->error;
	pthread_mutex_unlock(&s->mutex);
	s->job = NULL;
	ledger_end(s->ledger, job, error);
	return error;
}

static void
written(int fd, short what, void *arg)
{
	struct ledger_sync *s = arg;
	char octet;

	(void)what;
	if (read(fd, &octet, 1) != 1)
		return;
	s->done(finish(s), s->arg);
	if (s->job == NULL && s->kicked)
		start(s);
}

void
ledger_sync_kick(struct ledger_sync *s)
{
	if (s->job == NULL)
		start(s);
	else
		s->kicked = 1;
}

/* All signals are the loop's. */
static int
start_thread(struct ledger_sync *s)
{
	sigset_t all, old;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&s->thread, NULL, writer, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = error;
	return error == 0 ? 0 : -1;
}

static void
release(struct ledger_sync *s)
{
	int error = errno;

	if (s->written != NULL)
		event_free(s->written);
	if (s->pipe[0] != -1) {
		close(s->pipe[0]);
		close(s->pipe[1]);
	}
	pthread_cond_destroy(&s->cond);
	pthread_mutex_destroy(&s->mutex);
	free(s);
	errno = error;
}

struct ledger_sync *
ledger_sync_new(struct event_base *base, struct ledger *l,
    void (*done)(int, void *), void *arg)
{
	struct ledger_sync *s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->ledger = l;
	s->done = done;
	s->arg = arg;
	s->pipe[0] = s->pipe[1] = -1;
	pthread_mutex_init(&s->mutex, NULL);
	pthread_cond_init(&s->cond, NULL);
	if (pipe2(s->pipe, O_CLOEXEC | O_NONBLOCK) == -1)
		goto fail;
	s->written = event_new(base, s->pipe[0], EV_READ | EV_PERSIST, written,
	    s);
	if (s->written == NULL || event_add(s->written, NULL) == -1) {
		errno = ENOMEM;
		goto fail;
	}
	if (start_thread(s) == -1)
		goto fail;
	return s;
fail:
	release(s);
	return NULL;
}

int
ledger_sync_free(struct ledger_sync *s)
{
	struct ledger_job *job;
	int error = 0;

	if (s == NULL)
		return 0;
	pthread_mutex_lock(&s->mutex);
	s->quit = 1;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->mutex);
	pthread_join(s->thread, NULL);
	if (s->job != NULL)
		(void)finish(s);	/* what failed is tried again below */
	if ((job = ledger_begin(s->ledger)) != NULL) {
		error = ledger_write(job);
		ledger_end(s->ledger, job, error);
	}
	release(s);
	return error;
}
