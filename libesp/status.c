/* SPDX-License-Identifier: ISC */
/*
 * The names of enum esp_status, which are also the names of the counters, and
 * what a status says about a packet's origin.  Called by whoever counts.
 */
#include "libesp/internal.h"

const char *
esp_status_name(enum esp_status status)
{
	static const char *const names[ESP_STATUS_MAX] = {
		[ESP_OK] = "ok",
		[ESP_NO_ROOM] = "no-room",
		[ESP_BAD_INNER] = "bad-inner",
		[ESP_TOO_BIG] = "too-big",
		[ESP_SEQ_HELD] = "seq-held",
		[ESP_SEQ_END] = "seq-end",
		[ESP_CRYPTO] = "crypto",
		[ESP_BAD_OFFLOAD] = "bad-offload",
		[ESP_SHORT] = "short",
		[ESP_BAD_SPI] = "bad-spi",
		[ESP_BAD_LENGTH] = "bad-length",
		[ESP_SEQ_ZERO] = "seq-zero",
		[ESP_TOO_OLD] = "too-old",
		[ESP_REPLAY] = "replay",
		[ESP_BAD_ICV] = "bad-icv",
		[ESP_BAD_PADLEN] = "bad-padlen",
		[ESP_BAD_PAD] = "bad-pad",
		[ESP_DUMMY] = "dummy",
		[ESP_BAD_PROTO] = "bad-proto",
		[ESP_BAD_VERSION] = "bad-version",
		[ESP_INNER_SHORT] = "inner-short",
		[ESP_INNER_LEN] = "inner-len",
	};

	if ((unsigned int)status >= ESP_STATUS_MAX)
		return "?";
	return names[status];
}

int
esp_status_authentic(enum esp_status status)
{
	switch (status) {
	case ESP_OK:
	case ESP_BAD_PADLEN:
	case ESP_BAD_PAD:
	case ESP_DUMMY:
	case ESP_BAD_PROTO:
	case ESP_BAD_VERSION:
	case ESP_INNER_SHORT:
	case ESP_INNER_LEN:
		return 1;
	case ESP_NO_ROOM:
	case ESP_BAD_INNER:
	case ESP_TOO_BIG:
	case ESP_SEQ_HELD:
	case ESP_SEQ_END:
	case ESP_CRYPTO:
	case ESP_BAD_OFFLOAD:
	case ESP_SHORT:
	case ESP_BAD_SPI:
	case ESP_BAD_LENGTH:
	case ESP_SEQ_ZERO:
	case ESP_TOO_OLD:
	case ESP_REPLAY:
	case ESP_BAD_ICV:
	case ESP_STATUS_MAX:
		return 0;
	}
	return 0;
}
