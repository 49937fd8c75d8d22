/* SPDX-License-Identifier: ISC */
/*
 * What the library and secd-run agree upon.  Nothing of secd is included: all
 * that they share with it is a socket, and the names of its two ends.
 */
#ifndef SHIM_H
#define SHIM_H

#define SHIM_SOCKET	"/var/run/secd/pfkey.sock"	/* secd's end */
#define SHIM_OWN	"secd/"		/* ours: abstract, secd/NAME/PID */
#define SHIM_NAMELEN	19		/* of NAME */

/* environment */
#define SHIM_ENV_LIB	"SECPFKEY_LIB"		/* for secd-run */
#define SHIM_ENV_NAME	"SECPFKEY_NAME"		/* default: the program's */
#define SHIM_ENV_SOCKET	"SECPFKEY_SOCKET"	/* default: SHIM_SOCKET */

#endif /* SHIM_H */
