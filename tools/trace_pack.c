#include "tools/trace_pack.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zstd.h>

enum { LEVEL = 3 };

bool trace_is_packed(int file)
{
    uint32_t magic = 0;
    return pread(file, &magic, sizeof magic, 0) == sizeof magic && magic == ZSTD_MAGICNUMBER;
}

static bool write_all(int file, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(file, bytes, count);
        if (written < 0)
            return false;
        bytes += written;
        count -= (size_t)written;
    }
    return true;
}

/* What both directions need: room for what is read and for what is written. */
struct pipe {
    int from, to;
    char *in, *out;
    size_t in_room, out_room;
};

static bool decompress(const struct pipe *pipe, ZSTD_DStream *stream)
{
    size_t left = 1; /* 0 at the end of a frame */
    for (;;) {
        ssize_t got = read(pipe->from, pipe->in, pipe->in_room);
        ZSTD_inBuffer in = {pipe->in, got > 0 ? (size_t)got : 0, 0};
        if (got <= 0) {
            errno = got == 0 ? EBADMSG : errno;
            return got == 0 && left == 0;
        }
        while (in.pos < in.size) {
            ZSTD_outBuffer out = {pipe->out, pipe->out_room, 0};
            left = ZSTD_decompressStream(stream, &out, &in);
            if (ZSTD_isError(left)) {
                errno = EBADMSG;
                return false;
            }
            if (!write_all(pipe->to, pipe->out, out.pos))
                return false;
        }
    }
}

static bool compress(const struct pipe *pipe, ZSTD_CStream *stream)
{
    ZSTD_initCStream(stream, LEVEL);
    for (;;) {
        ssize_t got = read(pipe->from, pipe->in, pipe->in_room);
        ZSTD_inBuffer in = {pipe->in, got > 0 ? (size_t)got : 0, 0};
        ZSTD_EndDirective how = got > 0 ? ZSTD_e_continue : ZSTD_e_end;
        size_t left;
        if (got < 0)
            return false;
        do {
            ZSTD_outBuffer out = {pipe->out, pipe->out_room, 0};
            left = ZSTD_compressStream2(stream, &out, &in, how);
            if (ZSTD_isError(left) || !write_all(pipe->to, pipe->out, out.pos))
                return false;
        } while (got > 0 ? in.pos < in.size : left > 0);
        if (got == 0)
            return true;
    }
}

static bool pipe_open(struct pipe *pipe, int from, int to, size_t in_room, size_t out_room)
{
    *pipe = (struct pipe){from, to, malloc(in_room), malloc(out_room), in_room, out_room};
    return pipe->in != NULL && pipe->out != NULL;
}

static void pipe_close(struct pipe *pipe)
{
    free(pipe->in);
    free(pipe->out);
}

int trace_unpack(int file)
{
    struct pipe pipe;
    int memory = memfd_create("trace", MFD_CLOEXEC);
    ZSTD_DStream *stream = ZSTD_createDStream();
    bool good = pipe_open(&pipe, file, memory, ZSTD_DStreamInSize(), ZSTD_DStreamOutSize()) &&
                memory >= 0 && stream != NULL && decompress(&pipe, stream);
    int error = errno;
    pipe_close(&pipe);
    ZSTD_freeDStream(stream);
    if (good)
        return memory;
    if (memory >= 0)
        close(memory);
    errno = error;
    return -1;
}

bool trace_pack(int from, int to)
{
    struct pipe pipe;
    ZSTD_CStream *stream = ZSTD_createCStream();
    bool good = pipe_open(&pipe, from, to, ZSTD_CStreamInSize(), ZSTD_CStreamOutSize()) &&
                stream != NULL && compress(&pipe, stream);
    int error = errno;
    pipe_close(&pipe);
    ZSTD_freeCStream(stream);
    errno = error;
    return good;
}
