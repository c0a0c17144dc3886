#include "tools/cores.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

_Static_assert((int)CORES_MAX <= (int)CPU_SETSIZE, "what a mask can name");

enum { FOR_OTHERS = 2 };

/* ---- what the system allows -------------------------------------------------------------------- */

/* "MAX PERIOD", or "max PERIOD": no limit. Rounded down to whole cores. */
static bool read_quota(const char *path, uint32_t *quota)
{
    unsigned long long most, period;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    bool limits = fscanf(file, "%llu %llu", &most, &period) == 2 && period > 0;
    fclose(file);
    if (limits && most / period < *quota)
        *quota = (uint32_t)(most / period);
    return limits;
}

/* Of this process' cgroup and all those that it lies in. */
static void read_quotas(uint32_t *quota)
{
    char line[512], path[600];
    FILE *file = fopen("/proc/self/cgroup", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "0::", 3) != 0)
            continue;
        char *group = line + 3;
        group[strcspn(group, "\n")] = 0;
        for (char *end = group + strlen(group); end != NULL; end = strrchr(group, '/')) {
            *end = 0;
            snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
            (void)read_quota(path, quota); /* the outermost has none */
        }
    }
    if (file != NULL)
        fclose(file);
}

void cores_look(struct cores *cores)
{
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    *cores = (struct cores){0};
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return; /* more cores than a mask of ours can name: nothing is pinned */
    for (uint32_t core = 0; core < CORES_MAX; core++)
        if (CPU_ISSET(core, &allowed))
            cores->at[cores->count++] = (uint16_t)core;
    cores->quota = cores->count;
    read_quotas(&cores->quota);
}

/* ---- the decision ------------------------------------------------------------------------------- */

bool cores_pin(const struct cores *cores, enum pinning wish, uint32_t shard_count,
               char line[CORES_LINE_BYTES])
{
    bool each = cores->count >= shard_count;
    bool alone = cores->count >= shard_count + FOR_OTHERS && cores->quota >= shard_count;
    bool pin = wish == PIN_YES ? each : wish == PIN_AUTO && alone;
    const char *why = wish == PIN_NO    ? "as wished"
                      : !each           ? "there is not one for each shard"
                      : wish == PIN_YES ? "as wished"
                      : cores->quota < shard_count
                          ? "the cgroup's quota is less than the shards want"
                      : alone ? "there is one for each shard, and two more"
                              : "others would want those of the shards";
    snprintf(line, CORES_LINE_BYTES, "cores: %u allowed, quota for %u, %u shard%s; %s: %s",
             cores->count, cores->quota, shard_count, shard_count > 1 ? "s" : "",
             pin ? "pinned" : "not pinned", why);
    return pin;
}

bool cores_may_spin(const struct cores *cores, uint32_t shard_count)
{
    return cores->count >= shard_count && cores->quota >= shard_count;
}

uint32_t cores_of_shard(const struct cores *cores, uint32_t shard_count, uint32_t shard)
{
    return cores->at[cores->count - shard_count + shard];
}

bool cores_keep_to(uint32_t core)
{
    cpu_set_t mask;
    CPU_ZERO(&mask);
    CPU_SET(core, &mask);
    return sched_setaffinity(0, sizeof mask, &mask) == 0;
}

bool cores_keep_off(const struct cores *cores, uint32_t shard_count)
{
    cpu_set_t mask;
    CPU_ZERO(&mask);
    for (uint32_t i = 0; i + shard_count < cores->count; i++)
        CPU_SET(cores->at[i], &mask);
    return CPU_COUNT(&mask) == 0 || sched_setaffinity(0, sizeof mask, &mask) == 0;
}

/* The wish for no latency at all is kept by not leaving the kernel's idle loop, where a core that is given
 * work sees it without an interrupt. */
int cores_keep_awake(void)
{
    const int32_t latency_us = 0;
    int file = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, &latency_us, sizeof latency_us) == sizeof latency_us)
        return file < 0 ? -errno : file;
    int error = errno;
    close(file);
    return -error;
}
