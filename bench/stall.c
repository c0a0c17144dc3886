/* bench/stall.c - stops one thread of a process now and then: what do the others do meanwhile?
 *
 *   spate-stall PID THREAD_NAME [ms=5] [every_ms=50] [seconds=5]
 *
 * For the time that it is stopped the thread is under ptrace, as if the kernel had given its core away;
 * the others run on. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

static void fail(const char *what)
{
    fprintf(stderr, "spate-stall: %s: %s\n", what, strerror(errno));
    exit(1);
}

static pid_t find_thread(const char *process, const char *name)
{
    char path[288], found[64] = "";
    snprintf(path, sizeof path, "/proc/%.16s/task", process);
    DIR *tasks = opendir(path);
    pid_t thread = 0;
    for (const struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;) {
        snprintf(path, sizeof path, "/proc/%.16s/task/%.16s/comm", process, task->d_name);
        FILE *comm = fopen(path, "r");
        if (comm != NULL && fscanf(comm, "%63[^\n]", found) == 1 && strcmp(found, name) == 0)
            thread = (pid_t)atoi(task->d_name);
        if (comm != NULL)
            fclose(comm);
    }
    if (tasks != NULL)
        closedir(tasks);
    if (thread == 0)
        fail("no such thread");
    return thread;
}

static void sleep_ms(uint64_t ms)
{
    nanosleep(
        &(struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000},
        NULL);
}

static void stop_for(pid_t thread, uint64_t ms)
{
    if (ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) != 0 || waitpid(thread, NULL, __WALL) < 0)
        fail("the thread cannot be stopped");
    sleep_ms(ms);
    if (ptrace(PTRACE_CONT, thread, NULL, NULL) != 0)
        fail("the thread cannot go on");
}

int main(int argc, char **argv)
{
    uint64_t ms = 5, every_ms = 50, seconds = 5;
    if (argc < 3) {
        fprintf(stderr, "usage: spate-stall PID THREAD_NAME [ms=5] [every_ms=50] [seconds=5]\n");
        return 2;
    }
    for (int i = 3; i < argc; i++) {
        unsigned long long value;
        if (sscanf(argv[i], "ms=%llu", &value) == 1)
            ms = value;
        else if (sscanf(argv[i], "every_ms=%llu", &value) == 1)
            every_ms = value;
        else if (sscanf(argv[i], "seconds=%llu", &value) == 1)
            seconds = value;
    }
    pid_t thread = find_thread(argv[1], argv[2]);
    if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) != 0)
        fail("the thread cannot be traced");
    uint64_t times = seconds * 1000 / every_ms;
    for (uint64_t i = 0; i < times; i++) {
        stop_for(thread, ms);
        sleep_ms(every_ms > ms ? every_ms - ms : 0);
    }
    printf("stopped %llu times for %llu ms\n", (unsigned long long)times, (unsigned long long)ms);
    return 0;
}
