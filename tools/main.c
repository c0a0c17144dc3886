/* spate - one program, a file for each subcommand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "persist/start.h"
#include "tools/tools.h"
#include "tools/version.h"

static const struct tool {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
} tools[] = {
    {"call", "ask a server something, or many things", tool_call},
    {"log", "look at what is on the disk", tool_log},
    {"replay", "throw a trace at a server and audit what it did", tool_replay},
    {"serve", "take in orders", tool_serve},
    {"top", "watch a server", tool_top},
    {"trace", "invent a peak day, and look at one", tool_trace},
};

enum { TOOLS = sizeof tools / sizeof *tools, ROOM_BYTES = 16 << 20 };

/* An allocator that cannot even begin ends the process without a word: so it begins here, or nowhere. */
static bool has_room(void)
{
    void *room = mmap(NULL, ROOM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        return false;
    munmap(room, ROOM_BYTES);
    free(malloc(1));
    return true;
}

static int help(void)
{
    printf(
        "usage: spate COMMAND [OPTION...]\n\nAn order intake: sharded, in memory, durable before "
        "it answers.\n\n");
    for (int i = 0; i < TOOLS; i++)
        printf("  %-10s %s\n", tools[i].name, tools[i].summary);
    printf(
        "\n  --version  what this was built from\n  --help     show this; `spate COMMAND --help` "
        "shows a command's options\n");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "spate: which command? `spate --help` lists them\n");
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return help();
    if (strcmp(argv[1], "--version") == 0) {
        version_print();
        return 0;
    }
    if (!has_room()) {
        fprintf(stderr, "spate: there is no room for %d MiB of memory: look at `ulimit -v`\n",
                ROOM_BYTES >> 20);
        return EXIT_OS;
    }
    for (int i = 0; i < TOOLS; i++)
        if (strcmp(argv[1], tools[i].name) == 0)
            return tools[i].run(argc - 1, argv + 1);
    fprintf(stderr, "spate: unknown command %s; `spate --help` lists them\n", argv[1]);
    return 2;
}
