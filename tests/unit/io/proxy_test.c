#include "io/proxy.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

static const char *printed(const struct address *address)
{
    static char text[ADDRESS_TEXT_BYTES_MAX];
    address_print(address, text);
    return text;
}

/* Cut off everywhere, it is not whole; whole, it is read, and nothing behind it is touched. */
static enum proxy_step read_in_pieces(const void *bytes, uint32_t count, const char *client)
{
    struct address address = {0};
    uint32_t consumed = 0;
    for (uint32_t cut = 0; cut < count; cut++)
        assert_int_equal(proxy_read(bytes, cut, &consumed, &address), PROXY_MORE);
    enum proxy_step step = proxy_read(bytes, count, &consumed, &address);
    assert_int_equal(consumed, count);
    if (client != NULL)
        assert_string_equal(printed(&address), client);
    return step;
}

static void a_line_of_version_1_says_for_whom(void **state)
{
    (void)state;
    const char four[] = "PROXY TCP4 203.0.113.9 192.0.2.1 56324 443\r\n";
    const char six[] = "PROXY TCP6 2001:db8::9 2001:db8::1 56324 443\r\n";
    const char unknown[] = "PROXY UNKNOWN\r\n";
    assert_int_equal(read_in_pieces(four, sizeof four - 1, "203.0.113.9"), PROXY_CLIENT);
    assert_int_equal(read_in_pieces(six, sizeof six - 1, "2001:db8::9"), PROXY_CLIENT);
    assert_int_equal(read_in_pieces(unknown, sizeof unknown - 1, NULL), PROXY_NOBODY);
}

static uint32_t version_2(uint8_t *out, uint8_t command, uint8_t family, uint32_t body_bytes)
{
    static const uint8_t signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                          0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
    memset(out, 0, 16 + body_bytes);
    memcpy(out, signature, sizeof signature);
    out[12] = command;
    out[13] = family;
    out[14] = (uint8_t)(body_bytes >> 8);
    out[15] = (uint8_t)body_bytes;
    return 16 + body_bytes;
}

static void version_2_says_for_whom(void **state)
{
    (void)state;
    uint8_t bytes[16 + 64];
    uint32_t count = version_2(bytes, 0x21, 0x11, 12);
    memcpy(bytes + 16, (uint8_t[]){203, 0, 113, 9}, 4);
    assert_int_equal(read_in_pieces(bytes, count, "203.0.113.9"), PROXY_CLIENT);
    count = version_2(bytes, 0x21, 0x21, 36 + 7); /* with something behind the addresses */
    memcpy(bytes + 16, (uint8_t[]){0x20, 1, 0x0d, 0xb8}, 4);
    assert_int_equal(read_in_pieces(bytes, count, "2001:db8::"), PROXY_CLIENT);
    assert_int_equal(read_in_pieces(bytes, version_2(bytes, 0x20, 0, 0), NULL), PROXY_NOBODY);
    assert_int_equal(read_in_pieces(bytes, version_2(bytes, 0x21, 0x31, 30), NULL), PROXY_NOBODY);
    assert_int_equal(read_in_pieces(bytes, version_2(bytes, 0x21, 0x11, 4), NULL), PROXY_NOBODY);
}

static void what_is_no_header_is_refused_as_soon_as_it_shows(void **state)
{
    (void)state;
    struct address client;
    uint32_t consumed;
    static const char *const wrong[] = {"GET / HTTP/1.1\r\n",
                                        "PROXYTCP4",
                                        "PROXY TCP4 203.0.113.9\n",
                                        "PROXY UDP4 203.0.113.9 1.1.1.1 1 1\r\n",
                                        "PROXY TCP4 203.0.113.\r\n",
                                        "PROXY TCP4\r\n",
                                        "PROXY TCP4 1.2.3.4.5 1 1 1\r\n",
                                        "\r\n\r\nGET"};
    for (uint32_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (proxy_read(wrong[i], (uint32_t)strlen(wrong[i]), &consumed, &client) != PROXY_NO_HEADER)
            fail_msg("%s", wrong[i]);
    char endless[200];
    memset(endless, ' ', sizeof endless);
    memcpy(endless, "PROXY TCP4", 10);
    assert_int_equal(proxy_read(endless, 106, &consumed, &client), PROXY_MORE);
    assert_int_equal(proxy_read(endless, 107, &consumed, &client), PROXY_NO_HEADER);
    uint8_t bytes[16 + 64];
    version_2(bytes, 0x11, 0x11, 12);
    assert_int_equal(proxy_read(bytes, 28, &consumed, &client), PROXY_NO_HEADER);
    version_2(bytes, 0x22, 0x11, 12);
    assert_int_equal(proxy_read(bytes, 28, &consumed, &client), PROXY_NO_HEADER);
    version_2(bytes, 0x21, 0x11, 12);
    bytes[14] = 0xff;
    assert_int_equal(proxy_read(bytes, 28, &consumed, &client), PROXY_NO_HEADER);
}

static bool has(const char *list, const char *address)
{
    struct networks networks;
    struct address one;
    assert_null(networks_read(&networks, list));
    assert_true(address_read(&one, (struct text){address, (uint32_t)strlen(address)}));
    return networks_have(&networks, &one);
}

static void a_network_has_its_addresses_and_no_others(void **state)
{
    (void)state;
    assert_true(has("10.0.0.0/8", "10.255.1.2"));
    assert_false(has("10.0.0.0/8", "11.0.0.1"));
    assert_true(has("192.0.2.128/25,::1", "192.0.2.129"));
    assert_false(has("192.0.2.128/25,::1", "192.0.2.127"));
    assert_true(has("192.0.2.128/25,::1", "::1"));
    assert_true(has("127.0.0.1", "::ffff:127.0.0.1"));
    assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(has("0.0.0.0/0", "8.8.8.8"));
    assert_false(has("0.0.0.0/0", "2001:db8::1"));
    assert_false(has("unix", "127.0.0.1"));
    struct networks networks;
    static const char *const wrong[] = {"10.0.0.0/33",     "10.0.0/8",   "x",
                                        "10.0.0.0/",       "::/129",     "10.0.0.0/8 ",
                                        "10.0.0.0/8,,::1", "10.0.0.0/+8"};
    for (uint32_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (networks_read(&networks, wrong[i]) == NULL)
            fail_msg("%s", wrong[i]);
}

static const char *client_in(enum forwarded form, const char *list)
{
    struct networks ours;
    struct address client;
    assert_null(networks_read(&ours, "10.0.0.0/8,2001:db8:a::/48"));
    bool found = networks_client(&ours, form, (struct text){list, (uint32_t)strlen(list)}, &client);
    return found ? printed(&client) : "nobody";
}

struct list_case {
    const char *list;
    const char *client;
};

static void check_lists(enum forwarded form, const struct list_case *cases)
{
    for (; cases->list != NULL; cases++)
        if (strcmp(client_in(form, cases->list), cases->client) != 0)
            fail_msg("%s: %s", cases->list, client_in(form, cases->list));
}

static void the_client_is_the_last_one_who_is_not_ours(void **state)
{
    (void)state;
    static const struct list_case cases[] = {
        {"203.0.113.9", "203.0.113.9"},
        {"1.1.1.1, 203.0.113.9", "203.0.113.9"},
        {"1.1.1.1,203.0.113.9, 10.0.0.7 ,10.1.1.1", "203.0.113.9"},
        {"10.0.0.7", "10.0.0.7"},
        {"10.0.0.8,10.0.0.7", "10.0.0.8"},
        {"made up, 10.0.0.7", "10.0.0.7"},
        {"1.1.1.1, made up, 10.0.0.7", "10.0.0.7"},
        {"203.0.113.9:4711", "203.0.113.9"},
        {"[2001:db8::9]:4711", "2001:db8::9"},
        {"[2001:db8::9]", "2001:db8::9"},
        {"2001:db8::9", "2001:db8::9"},
        {"203.0.113.9:x", "nobody"},
        {"[2001:db8::9]x", "nobody"},
        {"[2001:db8::9", "nobody"},
        {"made up", "nobody"},
        {",", "nobody"},
        {"", "nobody"},
        {NULL, NULL},
    };
    check_lists(FORWARDED_FOR, cases);
}

static void rfc_7239_says_the_same_in_more_words(void **state)
{
    (void)state;
    static const struct list_case cases[] = {
        {"for=203.0.113.9", "203.0.113.9"},
        {"For=203.0.113.9;proto=https;by=10.0.0.1", "203.0.113.9"},
        {"proto=https;by=10.0.0.1 ; for=203.0.113.9", "203.0.113.9"},
        {"for=\"203.0.113.9:4711\"", "203.0.113.9"},
        {"for=\"[2001:db8::9]:4711\", for=10.0.0.7", "2001:db8::9"},
        {"for=1.1.1.1, for=203.0.113.9, for=\"[2001:db8:a::1]\"", "203.0.113.9"},
        {"for=unknown, for=10.0.0.7", "10.0.0.7"},
        {"for=_hidden", "nobody"},
        {"for=unknown", "nobody"},
        {"proto=https", "nobody"},
        {"203.0.113.9", "nobody"},
        {"for=", "nobody"},
        {"", "nobody"},
        /* what a stranger leaves open does not swallow what is added behind it */
        {"for=\"6.6.6.6, for=203.0.113.9", "203.0.113.9"},
        {"for=6.6.6.6;x=\", for=\"203.0.113.9\"", "203.0.113.9"},
        {"for=6.6.6.6;x=\", for=\"[2001:db8::9]\"", "2001:db8::9"},
        {NULL, NULL},
    };
    check_lists(FORWARDED_RFC7239, cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_version_1_says_for_whom),
        cmocka_unit_test(version_2_says_for_whom),
        cmocka_unit_test(what_is_no_header_is_refused_as_soon_as_it_shows),
        cmocka_unit_test(a_network_has_its_addresses_and_no_others),
        cmocka_unit_test(the_client_is_the_last_one_who_is_not_ours),
        cmocka_unit_test(rfc_7239_says_the_same_in_more_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
