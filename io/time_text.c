#include "io/time_text.h"

#include <string.h>

enum { DAY_SECONDS = 86400, SECOND_NS = 1000000000, YEAR_MIN = 1970, YEAR_MAX = 2553 };

struct date {
    uint32_t year;
    uint32_t month;
    uint32_t day;
};

/* Days since the epoch. Years begin in March here, so that the leap day is a year's last. */
static uint64_t days_of(struct date date)
{
    uint64_t year = date.month <= 2 ? date.year - 1 : date.year;
    uint64_t month = (date.month + 9) % 12;
    uint64_t day_of_year = (153 * month + 2) / 5 + date.day - 1;
    return year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719468;
}

static struct date date_of(uint64_t days)
{
    uint64_t shifted = days + 719468;
    uint64_t era = shifted / 146097;
    uint64_t day_of_era = shifted % 146097;
    uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t month = (5 * day_of_year + 2) / 153;
    struct date date = {
        .year = (uint32_t)(era * 400 + year_of_era + (month >= 10)),
        .month = (uint32_t)(month < 10 ? month + 3 : month - 9),
        .day = (uint32_t)(day_of_year - (153 * month + 2) / 5 + 1),
    };
    return date;
}

/* Below 100. */
static char *put_pair(char *at, uint32_t value)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    memcpy(at, pairs + 2 * (size_t)value, 2);
    return at + 2;
}

static char *put_three(char *at, uint32_t value)
{
    *at = (char)('0' + value / 100);
    return put_pair(at + 1, value % 100);
}

static char *put_fraction(char *at, uint32_t ns)
{
    if (ns == 0)
        return at;
    *at++ = '.';
    at = put_three(at, ns / 1000000);
    if (ns % 1000000 == 0)
        return at;
    at = put_three(at, ns / 1000 % 1000);
    return ns % 1000 == 0 ? at : put_three(at, ns % 1000);
}

struct text time_text_print(uint64_t ns, char out[TIME_TEXT_BYTES_MAX])
{
    uint64_t seconds = ns / SECOND_NS;
    struct date date = date_of(seconds / DAY_SECONDS);
    uint32_t of_day = (uint32_t)(seconds % DAY_SECONDS);
    char *at = put_pair(put_pair(out, date.year / 100), date.year % 100);
    *at++ = '-';
    at = put_pair(at, date.month);
    *at++ = '-';
    at = put_pair(at, date.day);
    *at++ = 'T';
    at = put_pair(at, of_day / 3600);
    *at++ = ':';
    at = put_pair(at, of_day / 60 % 60);
    *at++ = ':';
    at = put_pair(at, of_day % 60);
    at = put_fraction(at, (uint32_t)(ns % SECOND_NS));
    *at++ = 'Z';
    return (struct text){out, (uint32_t)(at - out)};
}

void time_text_http(uint64_t ns, char out[TIME_HTTP_BYTES])
{
    static const char days[] = "ThuFriSatSunMonTueWed"; /* the epoch was a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    uint64_t seconds = ns / SECOND_NS;
    struct date date = date_of(seconds / DAY_SECONDS);
    uint32_t of_day = (uint32_t)(seconds % DAY_SECONDS);
    memcpy(out, "Thu, 01 Jan 1970 00:00:00 GMT", TIME_HTTP_BYTES);
    memcpy(out, days + 3 * (seconds / DAY_SECONDS % 7), 3);
    put_pair(out + 5, date.day);
    memcpy(out + 8, months + 3 * (date.month - 1), 3);
    put_pair(put_pair(out + 12, date.year / 100), date.year % 100);
    put_pair(out + 17, of_day / 3600);
    put_pair(out + 20, of_day / 60 % 60);
    put_pair(out + 23, of_day % 60);
}

static bool take(struct text *text, char c)
{
    if (text->bytes == 0 || text->at[0] != c)
        return false;
    text->at++;
    text->bytes--;
    return true;
}

static bool take_digits(struct text *text, uint32_t count, uint32_t *value)
{
    *value = 0;
    if (text->bytes < count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        char c = text->at[i];
        if (c < '0' || c > '9')
            return false;
        *value = *value * 10 + (uint32_t)(c - '0');
    }
    text->at += count;
    text->bytes -= count;
    return true;
}

static uint32_t days_in_month(struct date date)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
    return days[date.month - 1] + (date.month == 2 && leap ? 1u : 0u);
}

static bool parse_date(struct text *text, uint64_t *seconds)
{
    struct date date;
    if (!take_digits(text, 4, &date.year) || !take(text, '-') ||
        !take_digits(text, 2, &date.month) || !take(text, '-') || !take_digits(text, 2, &date.day))
        return false;
    if (date.year < YEAR_MIN || date.year > YEAR_MAX || date.month < 1 || date.month > 12)
        return false;
    if (date.day < 1 || date.day > days_in_month(date))
        return false;
    *seconds = days_of(date) * DAY_SECONDS;
    return true;
}

/* A leap second comes out as the last nanosecond before it. */
static bool parse_clock(struct text *text, uint64_t *seconds, bool *is_leap)
{
    uint32_t hour, minute, second;
    if (!take_digits(text, 2, &hour) || !take(text, ':') || !take_digits(text, 2, &minute) ||
        !take(text, ':') || !take_digits(text, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    *is_leap = second == 60;
    *seconds += hour * 3600u + minute * 60u + second - *is_leap;
    return true;
}

static bool parse_fraction(struct text *text, uint32_t *ns)
{
    uint32_t digits = 0, digit;
    *ns = 0;
    if (!take(text, '.'))
        return true;
    for (; digits < 9 && take_digits(text, 1, &digit); digits++)
        *ns = *ns * 10 + digit;
    if (digits == 0)
        return false;
    for (; digits < 9; digits++)
        *ns *= 10;
    return true;
}

static bool parse_offset(struct text *text, int64_t *seconds)
{
    uint32_t hours, minutes;
    *seconds = 0;
    if (take(text, 'Z') || take(text, 'z'))
        return true;
    bool west = take(text, '-');
    if (!west && !take(text, '+'))
        return false;
    if (!take_digits(text, 2, &hours) || !take(text, ':') || !take_digits(text, 2, &minutes))
        return false;
    if (hours > 23 || minutes > 59)
        return false;
    int64_t offset = (int64_t)hours * 3600 + (int64_t)minutes * 60;
    *seconds = west ? -offset : offset;
    return true;
}

bool time_text_parse(struct text text, uint64_t *ns)
{
    uint64_t seconds;
    uint32_t fraction;
    int64_t offset;
    bool is_leap;
    if (!parse_date(&text, &seconds))
        return false;
    if (!take(&text, 'T') && !take(&text, 't'))
        return false;
    if (!parse_clock(&text, &seconds, &is_leap) || !parse_fraction(&text, &fraction) ||
        !parse_offset(&text, &offset) || text.bytes != 0)
        return false;
    int64_t utc = (int64_t)seconds - offset;
    if (utc < 0)
        return false;
    *ns = (uint64_t)utc * SECOND_NS + (is_leap ? SECOND_NS - 1 : fraction);
    return true;
}
