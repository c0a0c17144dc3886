#include "io/frame.h"
#include "tests/unit/test.h"

#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, BYTES_MAX = 4096 };

/* The last byte before a page that faults when touched. */
static char *edge;

static int make_edge(void **state)
{
    (void)state;
    char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + PAGE, PAGE, PROT_NONE) != 0)
        return -1;
    edge = pages + PAGE;
    return 0;
}

/* A frame under construction, and how it was meant to be wrong. */
struct built {
    _Alignas(8) uint8_t bytes[BYTES_MAX + 64];
};

static struct frame *frame_of(struct built *built)
{
    return (struct frame *)built->bytes;
}

static void *body_of(struct built *built)
{
    return built->bytes + sizeof(struct frame);
}

static void reseal(struct built *built)
{
    struct frame *frame = frame_of(built);
    frame_seal(frame, frame->kind, frame->bytes, frame->count, frame->request);
}

static void build_commands(struct built *built)
{
    struct order_get *get = body_of(built);
    uint32_t bytes = 32;
    for (uint32_t i = 0; i < 3; i++) {
        get->head.bytes = bytes;
        get->head.op = OP_ORDER_GET;
        get->head.request = i;
        get->id_bytes = 2;
        memcpy(get + 1, "o1", 2);
        get = (void *)((char *)get + bytes);
    }
    frame_seal(frame_of(built), FRAME_COMMANDS, sizeof(struct frame) + 3 * bytes, 3, 7);
}

static void build_results(struct built *built)
{
    struct result *result = body_of(built);
    for (uint32_t i = 0; i < 2; i++)
        result[i] = (struct result){.bytes = sizeof *result, .request = i};
    frame_seal(frame_of(built), FRAME_RESULTS, sizeof(struct frame) + 2 * sizeof *result, 2, 0);
}

static void build_hello(struct built *built)
{
    struct frame_hello *hello = body_of(built);
    *hello = (struct frame_hello){.version_min = 1, .version_max = 1, .token_bytes = 5};
    memcpy(hello + 1, "token", 5);
    frame_seal(frame_of(built), FRAME_HELLO, sizeof(struct frame) + sizeof *hello + 8, 0, 0);
}

static void build_welcome(struct built *built)
{
    struct frame_welcome *welcome = body_of(built);
    welcome->version = 1;
    welcome->shard_count = 2;
    welcome->shard = 1;
    for (uint32_t i = 0; i < SLOT_COUNT; i++)
        welcome->slot_shard[i] = i & 1;
    memcpy(welcome + 1, "\3a:1\4bb:2", 9);
    frame_seal(frame_of(built), FRAME_WELCOME, sizeof(struct frame) + sizeof *welcome + 16, 0, 0);
}

static void build_ping(struct built *built)
{
    frame_seal(frame_of(built), FRAME_PING, sizeof(struct frame), 0, 99);
}

static void build_pong(struct built *built)
{
    frame_seal(frame_of(built), FRAME_PONG, sizeof(struct frame), 0, 99);
}

static void build_error(struct built *built)
{
    struct frame_error *error = body_of(built);
    *error = (struct frame_error){.fault = FRAME_NO_CREDIT, .reason_bytes = 3, .reason = "why"};
    frame_seal(frame_of(built), FRAME_ERROR, sizeof(struct frame) + sizeof *error, 0, 0);
}

/* What each malformed frame changes about a good one. */
static void set_magic(struct built *built)
{
    built->bytes[3] = '2';
}

static void set_bytes_odd(struct built *built)
{
    frame_of(built)->bytes -= 4;
}

static void set_bytes_short(struct built *built)
{
    frame_of(built)->bytes = 24;
}

static void set_bytes_none(struct built *built)
{
    frame_of(built)->bytes = 0;
}

static void set_bytes_huge(struct built *built)
{
    frame_of(built)->bytes = BYTES_MAX + 8;
}

static void set_version(struct built *built)
{
    frame_of(built)->version = 2;
}

static void flip_body(struct built *built)
{
    built->bytes[sizeof(struct frame)] ^= 1;
}

static void flip_request(struct built *built)
{
    frame_of(built)->request ^= 1;
}

static void set_kind_none(struct built *built)
{
    frame_of(built)->kind = 0;
    reseal(built);
}

static void set_kind_beyond(struct built *built)
{
    frame_of(built)->kind = FRAME_ERROR + 1;
    reseal(built);
}

static void add_one_to_count(struct built *built)
{
    frame_of(built)->count++;
    reseal(built);
}

static void take_one_from_count(struct built *built)
{
    frame_of(built)->count--;
    reseal(built);
}

static void set_count_none(struct built *built)
{
    frame_of(built)->count = 0;
    reseal(built);
}

static void set_count_huge(struct built *built)
{
    frame_of(built)->count = FRAME_COMMANDS_MAX + 1;
    reseal(built);
}

static void cut_eight_bytes(struct built *built)
{
    frame_of(built)->bytes -= 8;
    reseal(built);
}

static void cut_body(struct built *built)
{
    frame_of(built)->bytes = sizeof(struct frame);
    reseal(built);
}

static void add_eight_bytes(struct built *built)
{
    frame_of(built)->bytes += 8;
    reseal(built);
}

static void set_item_none(struct built *built)
{
    ((struct command *)body_of(built))->bytes = 0;
    reseal(built);
}

static void set_item_odd(struct built *built)
{
    ((struct command *)body_of(built))->bytes = 36;
    reseal(built);
}

static void set_item_beyond(struct built *built)
{
    ((struct command *)body_of(built))->bytes = 0xfffffff8;
    reseal(built);
}

static void set_token_beyond(struct built *built)
{
    ((struct frame_hello *)body_of(built))->token_bytes = 9;
    reseal(built);
}

static void set_token_padding(struct built *built)
{
    ((struct frame_hello *)body_of(built))->token_bytes = 4;
    reseal(built);
}

static void set_shards_none(struct built *built)
{
    ((struct frame_welcome *)body_of(built))->shard_count = 0;
    reseal(built);
}

static void set_shards_huge(struct built *built)
{
    ((struct frame_welcome *)body_of(built))->shard_count = SHARDS_MAX + 1;
    reseal(built);
}

static void set_shard_beyond(struct built *built)
{
    ((struct frame_welcome *)body_of(built))->shard = 2;
    reseal(built);
}

static void set_slot_beyond(struct built *built)
{
    ((struct frame_welcome *)body_of(built))->slot_shard[1023] = 2;
    reseal(built);
}

static void set_address_beyond(struct built *built)
{
    ((struct frame_welcome *)body_of(built) + 1)->version = 0xff;
    reseal(built);
}

static void set_reason_beyond(struct built *built)
{
    ((struct frame_error *)body_of(built))->reason_bytes = 113;
    reseal(built);
}

static const struct {
    const char *name;
    void (*build)(struct built *built);
    void (*spoil)(struct built *built);
    enum frame_fault fault;
} frames[] = {
    {"commands", build_commands, NULL, FRAME_OK},
    {"results", build_results, NULL, FRAME_OK},
    {"hello", build_hello, NULL, FRAME_OK},
    {"welcome", build_welcome, NULL, FRAME_OK},
    {"ping", build_ping, NULL, FRAME_OK},
    {"pong", build_pong, NULL, FRAME_OK},
    {"error", build_error, NULL, FRAME_OK},
    {"another magic", build_ping, set_magic, FRAME_BAD_MAGIC},
    {"odd length", build_commands, set_bytes_odd, FRAME_BAD_LENGTH},
    {"shorter than its head", build_commands, set_bytes_short, FRAME_BAD_LENGTH},
    {"no length", build_commands, set_bytes_none, FRAME_BAD_LENGTH},
    {"beyond the limit", build_commands, set_bytes_huge, FRAME_TOO_LARGE},
    {"another version", build_commands, set_version, FRAME_BAD_VERSION},
    {"a bit in the body", build_commands, flip_body, FRAME_BAD_CHECKSUM},
    {"a bit in the head", build_ping, flip_request, FRAME_BAD_CHECKSUM},
    {"kind 0", build_ping, set_kind_none, FRAME_BAD_KIND},
    {"kind beyond the last", build_ping, set_kind_beyond, FRAME_BAD_KIND},
    {"count one too many", build_commands, add_one_to_count, FRAME_BAD_LENGTH},
    {"count one too few", build_commands, take_one_from_count, FRAME_BAD_LENGTH},
    {"no commands", build_commands, set_count_none, FRAME_BAD_COUNT},
    {"too many commands", build_commands, set_count_huge, FRAME_BAD_COUNT},
    {"last command cut", build_commands, cut_eight_bytes, FRAME_BAD_LENGTH},
    {"bytes behind the last command", build_commands, add_eight_bytes, FRAME_BAD_LENGTH},
    {"a command of no length", build_commands, set_item_none, FRAME_BAD_LENGTH},
    {"a command of odd length", build_commands, set_item_odd, FRAME_BAD_LENGTH},
    {"a command beyond the frame", build_commands, set_item_beyond, FRAME_BAD_LENGTH},
    {"last result cut", build_results, cut_eight_bytes, FRAME_BAD_LENGTH},
    {"results without body", build_results, cut_body, FRAME_BAD_LENGTH},
    {"hello without body", build_hello, cut_body, FRAME_BAD_LENGTH},
    {"hello's token beyond the frame", build_hello, set_token_beyond, FRAME_BAD_LENGTH},
    {"bytes behind hello's token", build_hello, set_token_padding, FRAME_BAD_LENGTH},
    {"eight zeros behind hello", build_hello, add_eight_bytes, FRAME_BAD_LENGTH},
    {"hello with a count", build_hello, add_one_to_count, FRAME_BAD_COUNT},
    {"welcome without body", build_welcome, cut_body, FRAME_BAD_LENGTH},
    {"welcome of no shards", build_welcome, set_shards_none, FRAME_BAD_COUNT},
    {"welcome of too many shards", build_welcome, set_shards_huge, FRAME_BAD_COUNT},
    {"welcome from a shard that is not", build_welcome, set_shard_beyond, FRAME_BAD_COUNT},
    {"welcome with a slot of nobody", build_welcome, set_slot_beyond, FRAME_BAD_COUNT},
    {"welcome's address beyond the frame", build_welcome, set_address_beyond, FRAME_BAD_LENGTH},
    {"welcome's last address cut", build_welcome, cut_eight_bytes, FRAME_BAD_LENGTH},
    {"ping with a body", build_ping, add_eight_bytes, FRAME_BAD_LENGTH},
    {"pong with a count", build_pong, add_one_to_count, FRAME_BAD_COUNT},
    {"error without body", build_error, cut_body, FRAME_BAD_LENGTH},
    {"error's reason too long", build_error, set_reason_beyond, FRAME_BAD_LENGTH},
};

enum { FRAMES = sizeof frames / sizeof *frames };

/* What a reader that gets the first `available` bytes finds; *more: it has to wait. */
static enum frame_fault read_frame(const struct built *built, uint32_t available, bool *more)
{
    enum frame_fault fault;
    char *at = edge - available;
    memcpy(at, built->bytes, available);
    uint32_t bytes = frame_bytes(at, available, BYTES_MAX, &fault);
    *more = fault == FRAME_OK && (bytes == 0 || bytes > available);
    if (fault != FRAME_OK || *more)
        return fault;
    memcpy(edge - bytes, built->bytes, bytes);
    return frame_check((const struct frame *)(edge - bytes));
}

static void every_frame_gets_its_verdict(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < FRAMES; i++) {
        struct built built = {0};
        bool more;
        frames[i].build(&built);
        if (frames[i].spoil != NULL)
            frames[i].spoil(&built);
        enum frame_fault fault = read_frame(&built, BYTES_MAX, &more);
        if (more || fault != frames[i].fault)
            fail_msg("%s: %s", frames[i].name, more ? "waits" : frame_fault_name(fault));
    }
}

static void a_frame_cut_anywhere_waits_or_is_refused_and_nothing_behind_it_is_read(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < FRAMES; i++) {
        struct built built = {0};
        frames[i].build(&built);
        if (frames[i].spoil != NULL)
            frames[i].spoil(&built);
        uint32_t bytes = frame_of(&built)->bytes;
        for (uint32_t available = 0; available < bytes && available <= BYTES_MAX; available++) {
            bool more;
            enum frame_fault fault = read_frame(&built, available, &more);
            if (!more && fault != frames[i].fault)
                fail_msg("%s cut at %u: %s", frames[i].name, available, frame_fault_name(fault));
        }
    }
}

static void the_length_is_known_from_the_eighth_byte_on(void **state)
{
    (void)state;
    struct built built = {0};
    enum frame_fault fault;
    build_commands(&built);
    for (uint32_t available = 0; available <= frame_of(&built)->bytes; available++) {
        memcpy(edge - available, built.bytes, available);
        uint32_t bytes = frame_bytes(edge - available, available, BYTES_MAX, &fault);
        assert_int_equal(bytes, available < 8 ? 0 : frame_of(&built)->bytes);
        assert_int_equal(fault, FRAME_OK);
    }
}

static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    struct built built = {0};
    build_commands(&built);
    uint32_t bytes = frame_of(&built)->bytes;
    for (uint32_t bit = 0; bit < bytes * 8; bit++) {
        bool more;
        built.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        /* A length that grew makes the reader wait for bytes that are not coming. */
        enum frame_fault fault = read_frame(&built, bytes, &more);
        if (fault == FRAME_OK && !more)
            fail_msg("bit %u", bit);
        built.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void every_fault_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (uint32_t i = FRAME_OK; i <= FRAME_BUSY; i++)
        for (uint32_t k = i + 1; k <= FRAME_BUSY + 1; k++)
            assert_string_not_equal(frame_fault_name(i), frame_fault_name(k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_frame_gets_its_verdict),
        cmocka_unit_test(a_frame_cut_anywhere_waits_or_is_refused_and_nothing_behind_it_is_read),
        cmocka_unit_test(the_length_is_known_from_the_eighth_byte_on),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(every_fault_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, make_edge, NULL);
}
