/* SPDX-License-Identifier: ISC */
/*
 * The inner IP packet of tunnel mode: does its version agree with the next
 * header, is it whole, how long is it by its own account (what follows is TFC
 * padding, RFC 4303 2.7).  Looks at nothing else in it.  Called by seal.c for
 * what the system hands over and by open.c for what a peer sent.
 */
#include "libesp/internal.h"

uint8_t
esp_inner_next(const uint8_t *p, size_t len)
{
	if (len == 0)
		return 0;
	if (p[0] >> 4 == 4)
		return ESP_NEXT_IPV4;
	if (p[0] >> 4 == 6)
		return ESP_NEXT_IPV6;
	return 0;
}

static enum esp_status
check_ipv4(const uint8_t *p, size_t len, size_t *innerlen)
{
	size_t header, total;

	if (len < ESP_IPV4_LEN)
		return ESP_INNER_SHORT;
	if (p[0] >> 4 != 4)
		return ESP_BAD_VERSION;
	header = (p[0] & 0x0fU) * 4;
	total = esp_load16(p + 2);
	if (header < ESP_IPV4_LEN || total < header || total > len)
		return ESP_INNER_LEN;
	*innerlen = total;
	return ESP_OK;
}

/*
 * A jumbo payload (length 0 and an option, RFC 2675) is above 65,535 octets
 * and cannot be in here, so a length of 0 means what it says.
 */
static enum esp_status
check_ipv6(const uint8_t *p, size_t len, size_t *innerlen)
{
	size_t total;

	if (len < ESP_IPV6_LEN)
		return ESP_INNER_SHORT;
	if (p[0] >> 4 != 6)
		return ESP_BAD_VERSION;
	total = ESP_IPV6_LEN + esp_load16(p + 4);
	if (total > len)
		return ESP_INNER_LEN;
	*innerlen = total;
	return ESP_OK;
}

enum esp_status
esp_inner_check(const uint8_t *p, size_t len, uint8_t next, size_t *innerlen)
{
	if (next == ESP_NEXT_IPV4)
		return check_ipv4(p, len, innerlen);
	if (next == ESP_NEXT_IPV6)
		return check_ipv6(p, len, innerlen);
	return ESP_BAD_PROTO;
}
