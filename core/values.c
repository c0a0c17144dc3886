#include "core/values.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t key_hash(struct text key)
{
    return XXH3_64bits(key.at, key.bytes);
}

/* ---- currencies -------------------------------------------------------------------------------- */

/* ISO 4217 in alphabetical order, each with its digits behind the point; with those that left it
 * since 2020 (ANG, CUC, HRK, SLL, ZWL), for old books. CLF and UYW have four digits, metals and
 * drawing rights have none to speak of: nobody pays in them. */
/* clang-format off */
static const char currencies[] =
    "AED2AFN2ALL2AMD2ANG2AOA2ARS2AUD2AWG2AZN2BAM2BBD2BDT2BGN2BHD3BIF0BMD2BND2BOB2BOV2BRL2BSD2"
    "BTN2BWP2BYN2BZD2CAD2CDF2CHE2CHF2CHW2CLP0CNY2COP2COU2CRC2CUC2CUP2CVE2CZK2DJF0DKK2DOP2DZD2"
    "EGP2ERN2ETB2EUR2FJD2FKP2GBP2GEL2GHS2GIP2GMD2GNF0GTQ2GYD2HKD2HNL2HRK2HTG2HUF2IDR2ILS2INR2"
    "IQD3IRR2ISK0JMD2JOD3JPY0KES2KGS2KHR2KMF0KPW2KRW0KWD3KYD2KZT2LAK2LBP2LKR2LRD2LSL2LYD3MAD2"
    "MDL2MGA2MKD2MMK2MNT2MOP2MRU2MUR2MVR2MWK2MXN2MXV2MYR2MZN2NAD2NGN2NIO2NOK2NPR2NZD2OMR3PAB2"
    "PEN2PGK2PHP2PKR2PLN2PYG0QAR2RON2RSD2RUB2RWF0SAR2SBD2SCR2SDG2SEK2SGD2SHP2SLE2SLL2SOS2SRD2"
    "SSP2STN2SVC2SYP2SZL2THB2TJS2TMT2TND3TOP2TRY2TTD2TWD2TZS2UAH2UGX0USD2USN2UYI0UYU2UZS2VED2"
    "VES2VND0VUV0WST2XAD2XAF0XCD2XCG2XOF0XPF0YER2ZAR2ZMW2ZWG2ZWL2";
/* clang-format on */

enum { CURRENCY_BYTES = 4, CURRENCIES = sizeof currencies / CURRENCY_BYTES };

/* The letters as a number that sorts like them. */
static uint32_t sortable(uint32_t currency)
{
    return __builtin_bswap32(currency) >> 8;
}

static uint32_t currency_at(uint32_t index)
{
    uint32_t entry;
    memcpy(&entry, currencies + index * CURRENCY_BYTES, sizeof entry);
    return entry;
}

int currency_exponent(uint32_t currency)
{
    uint32_t first = 0;
    for (uint32_t count = CURRENCIES; count > 1;) {
        uint32_t half = count / 2;
        first += sortable(currency_at(first + half)) <= sortable(currency) ? half : 0;
        count -= half;
    }
    uint32_t entry = currency_at(first);
    return (entry & 0xffffff) == currency ? (int)(entry >> 24) - '0' : -1;
}

/* ---- texts ------------------------------------------------------------------------------------- */

/* One bit a character: - . 0-9, then A-Z _ a-z. */
static const uint64_t id_characters[4] = {UINT64_C(0x03ff600000000000),
                                          UINT64_C(0x07fffffe87fffffe)};

bool id_valid(struct text id)
{
    if (id.bytes < 1 || id.bytes > ID_BYTES_MAX)
        return false;
    uint64_t valid = 1;
    for (uint32_t i = 0; i < id.bytes; i++) {
        uint8_t c = (uint8_t)id.at[i];
        valid &= id_characters[c / 64] >> c % 64;
    }
    return valid;
}

struct text who_name(struct text who)
{
    uint32_t bytes = 0;
    while (bytes < who.bytes && who.at[bytes] != WHO_MARK)
        bytes++;
    return (struct text){who.at, bytes};
}

bool sku_code_valid(struct text code)
{
    if (code.bytes < 1 || code.bytes > ID_BYTES_MAX)
        return false;
    bool valid = true;
    for (uint32_t i = 0; i < code.bytes; i++)
        valid &= code.at[i] > ' ' && code.at[i] <= '~';
    return valid;
}

/* The second byte's range keeps out what could be said shorter, surrogates, and what lies beyond
 * U+10FFFF. */
uint32_t utf8_bytes(const char *at, uint32_t available)
{
    const uint8_t *byte = (const uint8_t *)at;
    uint8_t lead = byte[0];
    if (lead < 0x80)
        return 1;
    uint32_t bytes = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead < 0xc2 || lead > 0xf4 || bytes > available)
        return 0;
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (byte[1] < low || byte[1] > high)
        return 0;
    for (uint32_t i = 2; i < bytes; i++)
        if (byte[i] >> 6 != 2)
            return 0;
    return bytes;
}

/* U+0000..001F and U+007F..009F. */
static bool is_control(const char *at)
{
    uint8_t lead = (uint8_t)at[0];
    return lead < ' ' || lead == 0x7f || (lead == 0xc2 && (uint8_t)at[1] < 0xa0);
}

bool text_valid(struct text text)
{
    if (text.bytes > TEXT_BYTES_MAX)
        return false;
    for (uint32_t used = 0; used < text.bytes;) {
        uint32_t bytes = utf8_bytes(text.at + used, text.bytes - used);
        if (bytes == 0 || is_control(text.at + used))
            return false;
        used += bytes;
    }
    return true;
}
