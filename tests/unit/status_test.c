/* SPDX-License-Identifier: ISC */
/* Names and meaning of every enum esp_status. */
#include <limits.h>
#include <string.h>

#include "libesp/esp.h"
#include "tests/lib/tap.h"

static int
well_formed(const char *name)
{
	return name != NULL && name[0] != '\0' && name[0] != '-' &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyz-") == strlen(name);
}

static int
unique(int status)
{
	int i;

	for (i = 0; i < ESP_STATUS_MAX; i++)
		if (i != status && strcmp(esp_status_name(i),
		    esp_status_name(status)) == 0)
			return 0;
	return 1;
}

int
main(void)
{
	static const enum esp_status authentic[] = {
		ESP_OK, ESP_BAD_PADLEN, ESP_BAD_PAD, ESP_DUMMY, ESP_BAD_PROTO,
		ESP_BAD_VERSION, ESP_INNER_SHORT, ESP_INNER_LEN
	};
	unsigned int i, n = 0;

	for (i = 0; i < ESP_STATUS_MAX; i++)
		if (ok(well_formed(esp_status_name(i)), "status %u has a name",
		    i))
			ok(unique(i), "%s is its alone", esp_status_name(i));
	ok(strcmp(esp_status_name(ESP_OK), "ok") == 0, "ok");
	ok(strcmp(esp_status_name(ESP_BAD_ICV), "bad-icv") == 0, "bad-icv");
	ok(strcmp(esp_status_name(ESP_INNER_LEN), "inner-len") == 0,
	    "inner-len");
	ok(strcmp(esp_status_name(ESP_STATUS_MAX), "?") == 0, "one too far");
	ok(strcmp(esp_status_name((enum esp_status)UINT_MAX), "?") == 0,
	    "far too far");

	for (i = 0; i < sizeof(authentic) / sizeof(authentic[0]); i++)
		ok(esp_status_authentic(authentic[i]), "%s is authentic",
		    esp_status_name(authentic[i]));
	for (i = 0; i <= ESP_STATUS_MAX; i++)
		n += esp_status_authentic(i) != 0;
	is(n, sizeof(authentic) / sizeof(authentic[0]), "and nothing else is");
	return tap_done();
}
