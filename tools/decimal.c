#include "tools/import.h"

enum { MICROS = 1000000 };

bool decimal_read(const char *text, char point, int64_t *micros)
{
    bool negative = *text == '-', any = false;
    int64_t scale = 0; /* of the next digit, once the point has been seen */
    *micros = 0;
    for (text += *text == '-' || *text == '+'; *text != '\0'; text++) {
        if (*text == point && scale == 0) {
            scale = MICROS / 10;
            continue;
        }
        int64_t digit = *text - '0';
        bool inside = scale == 0;
        if (digit < 0 || digit > 9 || (inside && __builtin_mul_overflow(*micros, 10, micros)) ||
            __builtin_add_overflow(*micros, digit * (inside ? MICROS : scale), micros))
            return false;
        any = true;
        if (inside)
            continue;
        if (scale == 1 && text[1] != '\0')
            return false;
        scale = scale > 1 ? scale / 10 : 1;
    }
    *micros = negative ? -*micros : *micros;
    return any;
}

int64_t decimal_round(int64_t micros, int exponent)
{
    int64_t unit = MICROS;
    for (int i = 0; i < exponent; i++)
        unit /= 10;
    int64_t whole = micros / unit, rest = micros % unit, half = unit / 2;
    if (rest < 0) {
        whole--;
        rest += unit;
    }
    return whole + (rest > half || (rest == half && whole % 2 != 0));
}
