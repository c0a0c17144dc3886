/* spate - one program, a file for each subcommand. */
#include <stdio.h>
#include <string.h>

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

enum { TOOLS = sizeof tools / sizeof *tools };

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
    for (int i = 0; i < TOOLS; i++)
        if (strcmp(argv[1], tools[i].name) == 0)
            return tools[i].run(argc - 1, argv + 1);
    fprintf(stderr, "spate: unknown command %s; `spate --help` lists them\n", argv[1]);
    return 2;
}
