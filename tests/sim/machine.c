#include "tests/sim/env_parts.h"

#include <stdlib.h>

/* 2020-11-11 00:00:00 UTC */
static const uint64_t WALL_BEGIN_NS = 1605052800ull * SECOND_NS;

struct machine *machine_open(struct world *world)
{
    struct machine *machine = calloc(1, sizeof *machine);
    CHECK(machine != NULL);
    machine->world = world;
    machine->disk = disk_open(world);
    machine->net = net_open(world);
    return machine;
}

static void env_free(struct env *env)
{
    while (env->flights != NULL) {
        struct flight *flight = env->flights;
        env->flights = flight->next;
        struct file *file = flight->file;
        if (file != NULL && --file->operations == 0 && file->is_closed)
            free(file);
        free(flight->copy);
        free(flight);
    }
    while (env->done != NULL) {
        struct completion *completion = env->done;
        env->done = completion->next;
        free(completion);
    }
    free(env->free_buffers);
    free(env);
}

void machine_close(struct machine *machine)
{
    while (machine->processes != NULL) {
        struct process *process = machine->processes;
        machine->processes = process->next;
        for (uint32_t i = 0; i < ACTORS_MAX; i++)
            if (process->envs[i] != NULL)
                env_free(process->envs[i]);
        for (int32_t i = 0; i < FILES_MAX; i++)
            free(process->files[i]);
        free(process);
    }
    net_close(machine->net);
    disk_close(machine->disk);
    free(machine);
}

struct world *machine_world(struct machine *machine)
{
    return machine->world;
}

struct disk *machine_disk(struct machine *machine)
{
    return machine->disk;
}

struct net *machine_net(struct machine *machine)
{
    return machine->net;
}

struct env_knobs *machine_knobs(struct machine *machine)
{
    return &machine->knobs;
}

uint64_t machine_wall_ns(const struct machine *machine)
{
    return WALL_BEGIN_NS + world_now(machine->world) + (uint64_t)machine->wall_offset_ns;
}

struct machine_counts machine_counts(const struct machine *machine)
{
    return machine->counts;
}
