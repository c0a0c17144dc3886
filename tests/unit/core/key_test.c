#include "core/key.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/random.h"
#include "tests/unit/test.h"

/* Packs into a buffer filled with noise, so that nothing beyond the packed bytes may count. */
static uint32_t round_trip(struct text id, uint8_t packed[KEY_BYTES_MAX])
{
    char back[ID_BYTES_MAX];
    memset(packed, 0xa5, KEY_BYTES_MAX);
    uint32_t bytes = key_pack(id, packed);
    assert_int_equal(key_bytes(packed), bytes);
    assert_true(bytes <= 1 + id.bytes || bytes == 4);
    uint8_t exact[KEY_BYTES_MAX] = {0};
    memcpy(exact, packed, bytes);
    assert_int_equal(key_unpack(exact, back), id.bytes);
    assert_memory_equal(back, id.at, id.bytes);
    assert_true(key_packed_hash(exact) == key_hash(id));
    assert_true(key_same(packed, exact));
    return bytes;
}

static uint32_t packed_bytes(const char *id)
{
    uint8_t packed[KEY_BYTES_MAX];
    return round_trip(text_of(id), packed);
}

static void ids_of_common_make_are_short(void **state)
{
    (void)state;
    assert_int_equal(packed_bytes("7"), 4);
    assert_int_equal(packed_bytes("00000000"), 4);
    assert_int_equal(packed_bytes("9999999999"), 5);
    assert_int_equal(packed_bytes("999999999999"), 6);
    assert_int_equal(packed_bytes("000000000000000000"), 8);
    assert_int_equal(packed_bytes("999999999999999999"), 8);
    assert_int_equal(packed_bytes("9999999999999999999"), 9);
    assert_int_equal(packed_bytes("f81d4fae7dec41d0a76500a0c91e6bf6"), 17);
    assert_int_equal(packed_bytes("F81D4FAE7DEC41D0A76500A0C91E6BF6"), 17);
    assert_int_equal(packed_bytes("01ARZ3NDEKTSV4RRFFQ69G5FAV"), 18);
    assert_int_equal(packed_bytes("c778812"), 5);
    assert_int_equal(packed_bytes("20201111-1"), 9);
    assert_int_equal(packed_bytes("customer.1"), 11);
}

/* All texts of up to 6 digits, and those around every power of ten. */
static void every_decimal_comes_back_with_its_leading_zeros(void **state)
{
    (void)state;
    char id[40];
    for (uint32_t digits = 1, limit = 10; digits <= 6; digits++, limit *= 10)
        for (uint32_t number = 0; number < limit; number++) {
            snprintf(id, sizeof id, "%0*u", (int)digits, number);
            packed_bytes(id);
        }
    for (uint32_t digits = 1; digits <= ID_BYTES_MAX; digits++)
        for (char digit = '0'; digit <= '9'; digit++) {
            memset(id, digit, digits);
            id[digits] = 0;
            packed_bytes(id);
            id[digits - 1] = '0';
            packed_bytes(id);
            id[digits - 1] = '9';
            packed_bytes(id);
            id[0] = '0';
            packed_bytes(id);
        }
}

static void a_numeral_with_one_other_byte_comes_back_too(void **state)
{
    (void)state;
    for (uint32_t digits = 1; digits <= 20; digits++)
        for (uint32_t at = 0; at < digits; at++)
            for (uint32_t byte = 0; byte < 256; byte++) {
                char id[ID_BYTES_MAX];
                uint8_t packed[KEY_BYTES_MAX];
                memset(id, '7', digits);
                id[at] = (char)byte;
                round_trip((struct text){id, digits}, packed);
            }
}

static const char *const kits[] = {
    "0123456789",
    "0123456789abcdef",
    "0123456789ABCDEF",
    "0123456789ABCDEFGHJKMNPQRSTVWXYZ",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "0123456789abcdefghijklmnopqrstuvwxyz",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-",
    "01",
    "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~aZ0",
};

static void random_ids_of_every_kind_come_back(void **state)
{
    (void)state;
    uint64_t random = 11;
    for (uint32_t i = 0; i < 300000; i++) {
        const char *kit = kits[random_below(&random, sizeof kits / sizeof kits[0])];
        char id[ID_BYTES_MAX];
        uint32_t bytes = 1 + random_below(&random, ID_BYTES_MAX);
        for (uint32_t j = 0; j < bytes; j++)
            id[j] = kit[random_below(&random, (uint32_t)strlen(kit))];
        uint8_t packed[KEY_BYTES_MAX];
        round_trip((struct text){id, bytes}, packed);
    }
}

static void bytes_that_no_id_has_come_back_too(void **state)
{
    (void)state;
    for (uint32_t byte = 0; byte < 256; byte++) {
        char id[2] = {'a', (char)byte};
        uint8_t packed[KEY_BYTES_MAX];
        round_trip((struct text){id, 2}, packed);
    }
}

/* Short ids over few characters, drawn so that a pair is often equal or nearly. */
static void packed_ids_are_the_same_if_and_only_if_their_texts_are(void **state)
{
    (void)state;
    uint64_t random = 13;
    uint32_t equal_count = 0;
    for (uint32_t i = 0; i < 300000; i++) {
        char ids[2][4];
        uint32_t bytes[2];
        uint8_t packed[2][KEY_BYTES_MAX];
        for (uint32_t j = 0; j < 2; j++) {
            bytes[j] = 1 + random_below(&random, 4);
            for (uint32_t k = 0; k < bytes[j]; k++)
                ids[j][k] = "0aA."[random_below(&random, 4)];
            key_pack((struct text){ids[j], bytes[j]}, packed[j]);
        }
        bool same = bytes[0] == bytes[1] && memcmp(ids[0], ids[1], bytes[0]) == 0;
        assert_int_equal(key_same(packed[0], packed[1]), same);
        equal_count += same;
    }
    assert_true(equal_count > 1000);
}

/* Whatever the bytes: recovery reads them from a disk. */
static void unpacking_noise_stays_within_its_bounds(void **state)
{
    (void)state;
    uint64_t random = 17;
    for (uint32_t i = 0; i < 300000; i++) {
        uint8_t packed[KEY_BYTES_MAX];
        for (uint32_t j = 0; j < KEY_BYTES_MAX; j++)
            packed[j] = (uint8_t)random_next(&random);
        char id[ID_BYTES_MAX];
        assert_true(key_bytes(packed) <= KEY_BYTES_MAX);
        assert_true(key_unpack(packed, id) <= ID_BYTES_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_of_common_make_are_short),
        cmocka_unit_test(every_decimal_comes_back_with_its_leading_zeros),
        cmocka_unit_test(a_numeral_with_one_other_byte_comes_back_too),
        cmocka_unit_test(random_ids_of_every_kind_come_back),
        cmocka_unit_test(bytes_that_no_id_has_come_back_too),
        cmocka_unit_test(packed_ids_are_the_same_if_and_only_if_their_texts_are),
        cmocka_unit_test(unpacking_noise_stays_within_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
