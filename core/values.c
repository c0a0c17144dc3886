#include "core/values.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t key_hash(struct text key)
{
    return XXH3_64bits(key.at, key.bytes);
}

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool id_valid(struct text id)
{
    if (id.bytes < 1 || id.bytes > ID_BYTES_MAX)
        return false;
    for (uint32_t i = 0; i < id.bytes; i++) {
        char c = id.at[i];
        if (!is_alphanumeric(c) && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

bool sku_code_valid(struct text code)
{
    if (code.bytes < 1 || code.bytes > ID_BYTES_MAX)
        return false;
    for (uint32_t i = 0; i < code.bytes; i++)
        if (code.at[i] <= ' ' || code.at[i] > '~')
            return false;
    return true;
}

/* ISO 4217, by exponent. A code stands in the list as its letters and a space. */
static const char no_decimals[] =
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF ";
static const char three_decimals[] = "BHD IQD JOD KWD LYD OMR TND ";
static const char two_decimals[] =
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN "
    "BZD "
    "CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP "
    "GEL "
    "GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP "
    "LKR "
    "LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD "
    "PAB "
    "PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC "
    "SYP "
    "SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD YER ZAR ZMW ZWL ";

static bool is_listed(const char *list, uint32_t currency)
{
    for (; *list != 0; list += 4)
        if (CURRENCY((uint8_t)list[0], (uint8_t)list[1], (uint8_t)list[2]) == currency)
            return true;
    return false;
}

int currency_exponent(uint32_t currency)
{
    if (is_listed(two_decimals, currency))
        return 2;
    if (is_listed(no_decimals, currency))
        return 0;
    return is_listed(three_decimals, currency) ? 3 : -1;
}
