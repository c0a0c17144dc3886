/* tools/trace_pack.h - traces compressed with zstd: a third of the bytes, but nothing to be mapped. */
#ifndef SPATE_TOOLS_TRACE_PACK_H
#define SPATE_TOOLS_TRACE_PACK_H

#include <stdbool.h>

/* Whether the file begins as a compressed one does; its place in the file is kept. */
bool trace_is_packed(int file);
/* The same trace in memory that can be mapped; -1: it is damaged, or there is no memory (errno). */
int trace_unpack(int file);
/* Compresses the first of two files into the second; false: errno. */
bool trace_pack(int from, int to);

#endif
