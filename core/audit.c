#include "core/audit.h"

#include <string.h>

#include "core/answer.h"
#include "core/shard_state.h"

static uint64_t all_shards(const struct shard *shard)
{
    return shard->options.shard_count == 64 ? UINT64_MAX
                                            : (UINT64_C(1) << shard->options.shard_count) - 1;
}

static uint64_t bit_of(uint32_t shard)
{
    return UINT64_C(1) << shard;
}

static void note_sides(struct shard *shard)
{
    struct audit *audit = &shard->audit;
    struct equation sides[EQUATIONS_MAX];
    audit->count = shard_equations(shard, sides);
    for (uint32_t i = 0; i < audit->count; i++) {
        struct result_equation *equation = &audit->equations[i];
        *equation = (struct result_equation){.left = sides[i].left, .right = sides[i].right};
        for (uint32_t c = 0; c + 1 < sizeof equation->name && sides[i].name[c] != 0; c++)
            equation->name[c] = sides[i].name[c];
    }
}

static void answer_audit(struct shard *shard, struct turn *turn)
{
    struct audit *audit = &shard->audit;
    uint32_t bytes = audit->count * (uint32_t)sizeof audit->sums[0];
    struct result_audit *result =
        turn_answer(turn, shard->options.shard, audit->origin, audit->request, CODE_OK,
                    RESULT_AUDIT, (uint32_t)sizeof *result + bytes);
    result->count = audit->count;
    memcpy(result->equations, audit->sums, bytes);
    audit->missing = 0;
}

static void add_up(struct shard *shard, struct turn *turn, uint32_t from,
                   const struct result_equation *equations)
{
    struct audit *audit = &shard->audit;
    for (uint32_t i = 0; i < audit->count; i++) {
        struct result_equation *sum = &audit->sums[i];
        memcpy(sum->name, equations[i].name, sizeof sum->name);
        sum->left += equations[i].left;
        sum->right += equations[i].right;
        sum->in_flight += equations[i].in_flight;
    }
    audit->missing &= ~bit_of(from);
    if (audit->missing == 0)
        answer_audit(shard, turn);
}

/* All markers have come. Only the owner of TOPOLOGY_SLOT is ever asked. */
static void report(struct shard *shard, struct turn *turn)
{
    const struct audit *audit = &shard->audit;
    uint32_t home = shard->options.slot_shard[TOPOLOGY_SLOT];
    if (home == shard->options.shard) {
        add_up(shard, turn, home, audit->equations);
        return;
    }
    uint32_t bytes = audit->count * (uint32_t)sizeof audit->equations[0];
    struct message_audited *message = turn_send(turn, shard->options.shard, home, MESSAGE_AUDITED,
                                                (uint32_t)sizeof *message + bytes);
    message->number = audit->number;
    message->count = audit->count;
    memcpy(message->equations, audit->equations, bytes);
}

static void begin(struct shard *shard, struct turn *turn, uint64_t number)
{
    struct audit *audit = &shard->audit;
    uint32_t self = shard->options.shard;
    audit->number = number;
    audit->waiting = all_shards(shard) & ~bit_of(self);
    note_sides(shard);
    for (uint32_t i = 0; i < shard->options.shard_count; i++)
        if (i != self)
            ((struct message_marker *)turn_send(turn, self, i, MESSAGE_MARKER,
                                                sizeof(struct message_marker)))
                ->number = number;
    if (audit->waiting == 0)
        report(shard, turn);
}

void audit_request(struct shard *shard, struct turn *turn, const struct request *request)
{
    struct audit *audit = &shard->audit;
    if (audit->missing != 0) {
        answer_plain(shard, turn, request, CODE_BUSY);
        return;
    }
    audit->missing = all_shards(shard);
    audit->origin = request->origin;
    audit->request = request->command->request;
    memset(audit->sums, 0, sizeof audit->sums);
    begin(shard, turn, audit->number + 1);
}

void audit_marker(struct shard *shard, struct turn *turn, const struct message_marker *marker)
{
    struct audit *audit = &shard->audit;
    if (marker->number != audit->number)
        begin(shard, turn, marker->number);
    audit->waiting &= ~bit_of(marker->head.from);
    if (audit->waiting == 0)
        report(shard, turn);
}

void audit_audited(struct shard *shard, struct turn *turn, const struct message_audited *audited)
{
    CHECK(audited->number == shard->audit.number && audited->count == shard->audit.count);
    add_up(shard, turn, audited->head.from, audited->equations);
}

void audit_before(const struct shard *shard, uint32_t from, struct audit_sides *sides)
{
    sides->counts = (shard->audit.waiting & bit_of(from)) != 0;
    if (sides->counts)
        (void)shard_equations(shard, sides->before);
}

void audit_after(struct shard *shard, const struct audit_sides *sides)
{
    struct equation now[EQUATIONS_MAX];
    if (!sides->counts || shard->options.bug[BUG_NOTHING_IN_FLIGHT])
        return;
    uint32_t count = shard_equations(shard, now);
    for (uint32_t i = 0; i < count; i++)
        shard->audit.equations[i].in_flight +=
            (now[i].left - sides->before[i].left) - (now[i].right - sides->before[i].right);
}
