#include "tools/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "tools/target.h"

enum { NAPS = 100 };
static const uint64_t NAP_NS = 1000 * 1000;

static void read_processor(char out[96])
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    strcpy(out, "unknown processor");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "model name : %95[^\n]", out) == 1)
            break;
    if (file != NULL)
        fclose(file);
}

static int by_size(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static void measure_jitter(struct machine *machine)
{
    uint64_t late[NAPS];
    for (int i = 0; i < NAPS; i++) {
        uint64_t due = clock_ns() + NAP_NS;
        struct timespec until = {.tv_sec = (time_t)(due / 1000000000),
                                 .tv_nsec = (long)(due % 1000000000)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        late[i] = clock_ns() - due;
    }
    qsort(late, NAPS, sizeof *late, by_size);
    machine->jitter_ns_p99 = late[NAPS - 2];
    machine->jitter_ns_max = late[NAPS - 1];
}

void machine_look(struct machine *machine)
{
    struct utsname name;
    uname(&name);
    snprintf(machine->kernel, sizeof machine->kernel, "%.20s %.60s", name.sysname, name.release);
    read_processor(machine->processor);
    machine->cores = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
    machine->memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGE_SIZE);
    measure_jitter(machine);
}
