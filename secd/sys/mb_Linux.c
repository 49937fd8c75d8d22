/* SPDX-License-Identifier: ISC */
/*
 * Intel's libipsec-mb, found and loaded.  Called by the engine at its start,
 * while there are files to load it from; libesp makes a backend of it.
 *
 * It is named without a directory, so only where the loader looks for every
 * library is it looked for: the engine has no environment that could name
 * other places, and nothing of secd's own does.  It is never unloaded.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "secd/sys/sys.h"

#define LIBRARY	"libIPSec_MB.so.1"

/* Its functions; the manager is opaque here. */
struct library {
	void		*(*alloc)(uint64_t flags);
	void		 (*init)(void *mgr, void *arch);
	int		 (*get_errno)(void *mgr);
	unsigned int	 (*version)(void);
	void		 (*release)(void *mgr);
};

/* 0, or -1 when there is no such function. */
static int
find(void *handle, const char *name, void *fn, size_t size)
{
	void *p = dlsym(handle, name);

	if (p == NULL)
		return -1;
	/* ISO C has no cast from an object to a function */
	memcpy(fn, &p, size);
	return 0;
}

static int
find_all(void *handle, struct library *lib)
{
	if (find(handle, "alloc_mb_mgr", &lib->alloc,
	    sizeof(lib->alloc)) == -1 ||
	    find(handle, "init_mb_mgr_auto", &lib->init,
	    sizeof(lib->init)) == -1 ||
	    find(handle, "imb_get_errno", &lib->get_errno,
	    sizeof(lib->get_errno)) == -1 ||
	    find(handle, "imb_get_version", &lib->version,
	    sizeof(lib->version)) == -1 ||
	    find(handle, "free_mb_mgr", &lib->release,
	    sizeof(lib->release)) == -1)
		return -1;
	return 0;
}

static int
start(struct sys_mb *mb, const struct library *lib, char *why, size_t size)
{
	int error;

	mb->version = lib->version();
	if ((mb->manager = lib->alloc(0)) == NULL) {
		snprintf(why, size, "its manager cannot be made");
		return -1;
	}
	lib->init(mb->manager, NULL);
	if ((error = lib->get_errno(mb->manager)) == 0)
		return 0;
	snprintf(why, size, "its manager does not start: error %d", error);
	lib->release(mb->manager);
	return -1;
}

/* Why it was not loaded, for people: most often it is simply not there. */
static void
say_why(char *why, size_t size)
{
	const char *error = dlerror();

	if (error == NULL || strstr(error, "No such file") != NULL)
		snprintf(why, size, "not installed (libipsec-mb1)");
	else
		snprintf(why, size, "%s", error);
}

int
sys_mb_load(struct sys_mb *mb, char *why, size_t size)
{
	struct library lib;
	void *handle;

	if ((handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL)) == NULL) {
		say_why(why, size);
		return -1;
	}
	if (find_all(handle, &lib) == -1)
		snprintf(why, size, "%s lacks a function", LIBRARY);
	else if (start(mb, &lib, why, size) == 0)
		return 0;
	dlclose(handle);
	return -1;
}
