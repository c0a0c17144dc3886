#include "persist/env.h"

int32_t env_do(struct env *env, const struct env_op *op)
{
    struct env_done done;
    env_submit(env, op);
    while (env_reap(env, &done, 1, UINT64_MAX) == 0)
        ;
    CHECK(done.user == op->user);
    return done.result;
}
