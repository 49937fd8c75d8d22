/* SPDX-License-Identifier: ISC */
/*
 * Who computes the ciphers of SAs: libcrypto, or libipsec-mb in its place for
 * the suites that it does better.  Decided once, at the engine's start, as
 * secd.conf has it; asked by sadb.c for each SA, and by clients.
 */
#include <stdio.h>
#include <string.h>

#include "secd/engine/engine.h"
#include "secd/log.h"
#include "secd/sys/sys.h"

static const char *const choices[] = {
	[CRYPTO_AUTO] = "auto",
	[CRYPTO_LIBCRYPTO] = "libcrypto",
	[CRYPTO_IPSEC_MB] = "ipsec-mb"
};

static enum crypto_choice choice;
static struct sys_mb	 library;
static struct esp_backend backend;
static int		 loaded, in_use;
static char		 name[24] = "ipsec-mb";	/* with its version */
static char		 why[IPC_TEXTLEN - sizeof(name) - 2];

void
crypto_load(const struct engine_conf *conf)
{
	choice = conf->crypto;
	if (choice == CRYPTO_LIBCRYPTO)
		snprintf(why, sizeof(why), "not wanted");
	else if (!esp_mb_built())
		snprintf(why, sizeof(why), "not built in");
	else
		loaded = sys_mb_load(&library, why, sizeof(why)) == 0;
}

/* 1 when it is as good as libcrypto, 0 with why. */
static int
try(void)
{
	const struct esp_suite *failed;
	const char *complaint;

	snprintf(name, sizeof(name), "ipsec-mb %u.%u.%u", library.version >> 16,
	    library.version >> 8 & 0xff, library.version & 0xff);
	complaint = esp_mb_init(&backend, library.manager, library.version);
	if (complaint != NULL) {
		snprintf(why, sizeof(why), "%s", complaint);
		return 0;
	}
	if ((failed = selftest(&backend)) != NULL) {
		snprintf(why, sizeof(why), "self-test failed: %s", failed->enc);
		log_warnx("crypto: %s: %s", name, why);
		return 0;
	}
	snprintf(why, sizeof(why), "in use");
	return 1;
}

void
crypto_start(void)
{
	in_use = loaded && try();
	if (choice == CRYPTO_IPSEC_MB && !in_use)
		fatalx("%s: %s, but secd.conf requires it: %s, or write "
		    "'crypto backend auto'", name, why, esp_mb_built() ?
		    "install libipsec-mb1 (Debian)" :
		    "build secd where libipsec-mb-dev (Debian) is installed");
}

void
crypto_say(void)
{
	static int said;

	if (!said)
		log_info("crypto backend %s, %s: %s%s", choices[choice], name,
		    why, in_use ? "" : "; libcrypto does all");
	said = 1;
}

const struct esp_backend *
crypto_backend(void)
{
	return in_use ? &backend : NULL;
}

void
show_crypto(uint32_t id)
{
	const struct esp_suite *s;
	struct msg_crypto m = { 0 };
	struct msg_crypto_suite *row = m.suites;
	size_t i;

	strlcpy(m.choice, choices[choice], sizeof(m.choice));
	snprintf(m.why, sizeof(m.why), "%s: %s", name, why);
	for (i = 0; (s = esp_suite_at(i)) != NULL && i < IPC_SUITES; i++) {
		strlcpy(row->enc, s->enc, sizeof(row->enc));
		if (s->auth != NULL)
			strlcpy(row->auth, s->auth, sizeof(row->auth));
		strlcpy(row->backend, esp_backend_does(crypto_backend(), s) ?
		    backend.name : "libcrypto", sizeof(row->backend));
		row++;
	}
	m.count = (uint32_t)i;
	engine_reply(id, MSG_CRYPTO, &m, sizeof(m));
}
