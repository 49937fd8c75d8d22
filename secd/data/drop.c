/* SPDX-License-Identifier: ISC */
/*
 * The names of drop reasons.  libesp's statuses come first, in one numbering.
 */
#include <errno.h>

#include "secd/data/data.h"

static const char *const names[DROP_MAX - ESP_STATUS_MAX] = {
	[DROP_NO_SA - ESP_STATUS_MAX] = "no-sa",
	[DROP_NO_OUT_SA - ESP_STATUS_MAX] = "no-outbound-sa",
	[DROP_OUTER_CUT - ESP_STATUS_MAX] = "outer-cut",
	[DROP_INNER_CUT - ESP_STATUS_MAX] = "inner-cut",
	[DROP_SEND_FULL - ESP_STATUS_MAX] = "send-full",
	[DROP_SEND_SIZE - ESP_STATUS_MAX] = "send-size",
	[DROP_SEND_ROUTE - ESP_STATUS_MAX] = "send-no-route",
	[DROP_SEND_ERROR - ESP_STATUS_MAX] = "send-error",
	[DROP_TUN_DOWN - ESP_STATUS_MAX] = "interface-down",
	[DROP_TUN_ERROR - ESP_STATUS_MAX] = "tun-error",
	[DROP_ENCAP - ESP_STATUS_MAX] = "encap-mismatch",
	[DROP_IKE - ESP_STATUS_MAX] = "ike-unclaimed",
	[DROP_KEEPALIVE - ESP_STATUS_MAX] = "keepalive",
	[DROP_IKE_PASSED - ESP_STATUS_MAX] = "ike-passed",
	[DROP_NO_WIRE - ESP_STATUS_MAX] = "no-socket",
};

const char *
drop_name(unsigned int i)
{
	if (i < ESP_STATUS_MAX)
		return esp_status_name((enum esp_status)i);
	if (i < DROP_MAX)
		return names[i - ESP_STATUS_MAX];
	return "?";
}

enum drop
drop_of_send(int error)
{
	switch (error) {
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
		return DROP_SEND_FULL;
	case EMSGSIZE:
		return DROP_SEND_SIZE;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EADDRNOTAVAIL:
	case EINVAL:		/* Linux: the source is no address of ours */
		return DROP_SEND_ROUTE;
	}
	return DROP_SEND_ERROR;
}

enum drop
drop_of_tun(int error)
{
	return error == EIO || error == ENETDOWN ? DROP_TUN_DOWN :
	    DROP_TUN_ERROR;
}
