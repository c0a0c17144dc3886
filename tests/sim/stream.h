/* tests/sim/stream.h - random numbers in independent streams, so that turning one source of chance
 * off does not move the others. Everything drawn in a run comes from its seed. */
#ifndef SPATE_TESTS_SIM_STREAM_H
#define SPATE_TESTS_SIM_STREAM_H

#include <stdbool.h>
#include <stdint.h>

enum stream_name {
    STREAM_SWARM, /* which faults this run has, and how strong */
    STREAM_WORKLOAD,
    STREAM_SCHEDULE,
    STREAM_DISK,
    STREAM_NETWORK,
    STREAM_CLOCK,
    STREAM_CRASH,
    STREAM_PROGRAM, /* env_random */
    STREAMS
};

struct stream {
    uint64_t state;
};

/* splitmix64 */
static inline uint64_t stream_next(struct stream *stream)
{
    uint64_t z = (stream->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline struct stream stream_of(uint64_t seed, enum stream_name name)
{
    struct stream stream = {seed * 0xd1342543de82ef95u + (uint64_t)name};
    stream.state = stream_next(&stream) ^ seed;
    return stream;
}

/* 0 .. bound-1; bound 0 gives 0. */
static inline uint64_t stream_below(struct stream *stream, uint64_t bound)
{
    uint64_t drawn = stream_next(stream);
    return bound == 0 ? 0 : (uint64_t)((__extension__(unsigned __int128) drawn * bound) >> 64);
}

static inline uint64_t stream_between(struct stream *stream, uint64_t low, uint64_t high)
{
    return low + stream_below(stream, high - low + 1);
}

/* True once in `one_in` on average; never for 0. */
static inline bool stream_hit(struct stream *stream, uint64_t one_in)
{
    uint64_t drawn = stream_below(stream, one_in);
    return one_in != 0 && drawn == 0;
}

/* Small values often, large ones seldom: uniform in the number of bits. */
static inline uint64_t stream_skewed(struct stream *stream, uint64_t high)
{
    uint64_t bits = stream_below(stream, 64 - (uint64_t)__builtin_clzll(high | 1) + 1);
    uint64_t drawn = bits == 0 ? 0 : stream_next(stream) >> (64 - bits);
    return drawn > high ? high : drawn;
}

#endif
