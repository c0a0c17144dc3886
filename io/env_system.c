/* io/env_system.c - the ends of the world that are no operations of a ring: addresses and sockets,
 * facts about files, clocks, chance, and the line to whoever runs the server. */
#include "io/env_uring.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#ifdef SPATE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

/* --- addresses --- */

union address {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
    struct sockaddr_un local;
};

static bool parse_port(const char *text, in_port_t *out)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long port = strtoul(text, &end, 10);
    if (*end != 0 || port > UINT16_MAX)
        return false;
    *out = htons((uint16_t)port);
    return true;
}

/* "127.0.0.1:80" or "[::1]:80": the number of bytes of the address, or -EINVAL. */
static int32_t parse_ip(const char *text, union address *out)
{
    char host[INET6_ADDRSTRLEN + 2];
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof host)
        return -EINVAL;
    size_t host_bytes = (size_t)(colon - text);
    memcpy(host, text, host_bytes);
    host[host_bytes] = 0;
    in_port_t port;
    if (!parse_port(colon + 1, &port))
        return -EINVAL;
    if (inet_pton(AF_INET, host, &out->ip4.sin_addr) == 1) {
        out->ip4.sin_family = AF_INET;
        out->ip4.sin_port = port;
        return sizeof out->ip4;
    }
    if (host_bytes < 2 || host[0] != '[' || host[host_bytes - 1] != ']')
        return -EINVAL;
    host[host_bytes - 1] = 0;
    if (inet_pton(AF_INET6, host + 1, &out->ip6.sin6_addr) != 1)
        return -EINVAL;
    out->ip6.sin6_family = AF_INET6;
    out->ip6.sin6_port = port;
    return sizeof out->ip6;
}

static int32_t parse_address(const char *text, union address *out)
{
    memset(out, 0, sizeof *out);
    if (strncmp(text, "unix:", 5) != 0)
        return parse_ip(text, out);
    const char *path = text + 5;
    if (*path == 0 || strlen(path) >= sizeof out->local.sun_path)
        return -EINVAL;
    out->local.sun_family = AF_UNIX;
    strcpy(out->local.sun_path, path);
    return sizeof out->local;
}

/* The number of characters, as snprintf. */
static int format_address(const union address *address, char out[ENV_ADDRESS_BYTES_MAX])
{
    char host[INET6_ADDRSTRLEN];
    if (address->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->ip4.sin_addr, host, sizeof host);
        return snprintf(out, ENV_ADDRESS_BYTES_MAX, "%s:%u", host, ntohs(address->ip4.sin_port));
    }
    if (address->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address->ip6.sin6_addr, host, sizeof host);
        return snprintf(out, ENV_ADDRESS_BYTES_MAX, "[%s]:%u", host, ntohs(address->ip6.sin6_port));
    }
    /* A client's own end has no path, and its address is shorter than the struct: it was zeroed. */
    return snprintf(out, ENV_ADDRESS_BYTES_MAX, "unix:%.*s", (int)sizeof address->local.sun_path,
                    address->local.sun_path);
}

int32_t env_address(struct env *env, int32_t file, bool peer, char out[ENV_ADDRESS_BYTES_MAX])
{
    (void)env;
    union address address;
    memset(&address, 0, sizeof address);
    socklen_t bytes = sizeof address;
    int result =
        peer ? getpeername(file, &address.any, &bytes) : getsockname(file, &address.any, &bytes);
    return result < 0 ? -errno : format_address(&address, out);
}

bool env_address_valid(const char *address)
{
    union address parsed;
    return strncmp(address, "fd:", 3) == 0 || parse_address(address, &parsed) >= 0;
}

/* --- sockets --- */

static int set_option(int file, int level, int option, int value)
{
    return setsockopt(file, level, option, &value, sizeof value);
}

/* Accepted sockets inherit all of it. A peer that has silently gone is noticed within about a
 * minute: after 30 s of silence it is asked three times, and bytes that it does not take are waited
 * for no longer. */
static bool prepare_listener(int file)
{
    return set_option(file, SOL_SOCKET, SO_REUSEADDR, 1) == 0 &&
           set_option(file, SOL_SOCKET, SO_REUSEPORT, 1) == 0 &&
           set_option(file, SOL_SOCKET, SO_KEEPALIVE, 1) == 0 &&
           set_option(file, IPPROTO_TCP, TCP_KEEPIDLE, 30) == 0 &&
           set_option(file, IPPROTO_TCP, TCP_KEEPINTVL, 10) == 0 &&
           set_option(file, IPPROTO_TCP, TCP_KEEPCNT, 3) == 0 &&
           set_option(file, IPPROTO_TCP, TCP_USER_TIMEOUT, 60000) == 0 &&
           set_option(file, IPPROTO_TCP, TCP_NODELAY, 1) == 0;
}

/* A server that was killed leaves its socket's name behind; nobody answers there any more. */
static bool name_is_left_over(const union address *address, socklen_t bytes)
{
    int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (file < 0)
        return false;
    bool refused = connect(file, &address->any, bytes) < 0 && errno == ECONNREFUSED;
    close(file);
    return refused;
}

static int bind_address(int file, const union address *address, socklen_t bytes)
{
    if (bind(file, &address->any, bytes) == 0)
        return 0;
    if (errno != EADDRINUSE || address->any.sa_family != AF_UNIX ||
        !name_is_left_over(address, bytes)) {
        errno = errno == ECONNREFUSED ? EADDRINUSE : errno;
        return -1;
    }
    unlink(address->local.sun_path);
    return bind(file, &address->any, bytes);
}

/* A socket that listens already, "fd:3", is only doubled: whoever opened it has prepared it. */
static int32_t listen_inherited(const char *number)
{
    int listens = 0;
    socklen_t bytes = sizeof listens;
    int given = atoi(number);
    if (getsockopt(given, SOL_SOCKET, SO_ACCEPTCONN, &listens, &bytes) < 0 || !listens)
        return -EINVAL;
    int file = fcntl(given, F_DUPFD_CLOEXEC, 0);
    return file < 0 ? -errno : file;
}

int32_t env_listen(struct env *env, const char *address, uint32_t backlog)
{
    (void)env;
    union address parsed;
    if (strncmp(address, "fd:", 3) == 0)
        return listen_inherited(address + 3);
    int32_t bytes = parse_address(address, &parsed);
    if (bytes < 0)
        return bytes;
    int file = socket(parsed.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (file < 0)
        return -errno;
    if ((parsed.any.sa_family != AF_UNIX && !prepare_listener(file)) ||
        bind_address(file, &parsed, (socklen_t)bytes) < 0 || listen(file, (int)backlog) < 0) {
        int32_t result = -errno;
        close(file);
        return result;
    }
    return file;
}

/* The filter sees segments from the TCP header on; a client repeats a SYN that is lost after a second. */
void env_deafen(struct env *env, int32_t listener)
{
    enum { FLAGS_AT = 13, SYN = 0x02, ACK = 0x10 };
    (void)env;
    struct sock_filter drop_syn[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS_AT),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SYN | ACK),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {.len = sizeof drop_syn / sizeof *drop_syn, .filter = drop_syn};
    (void)setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

int32_t env_vacant(struct env *env, const char *address)
{
    (void)env;
    union address parsed;
    int32_t bytes = parse_address(address, &parsed);
    if (bytes < 0 || parsed.any.sa_family == AF_UNIX)
        return bytes < 0 ? bytes : 0; /* env_listen sees whether a name is taken */
    int file = socket(parsed.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (file < 0)
        return -errno;
    set_option(file, SOL_SOCKET, SO_REUSEADDR, 1);
    int32_t result = bind(file, &parsed.any, (socklen_t)bytes) == 0 ? 0 : -errno;
    close(file);
    return result;
}

int32_t env_socket(struct env *env, const char *address, void *sockaddr_out, uint32_t *bytes_out)
{
    (void)env;
    union address parsed;
    int32_t bytes = parse_address(address, &parsed);
    if (bytes < 0)
        return bytes;
    int file = socket(parsed.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (file < 0)
        return -errno;
    if (parsed.any.sa_family != AF_UNIX && set_option(file, IPPROTO_TCP, TCP_NODELAY, 1) < 0) {
        int32_t result = -errno;
        close(file);
        return result;
    }
    memcpy(sockaddr_out, &parsed, (size_t)bytes);
    *bytes_out = (uint32_t)bytes;
    return file;
}

/* --- files --- */

int32_t env_lock(struct env *env, int32_t file)
{
    (void)env;
    return flock(file, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

/* Puts a name into its place among the sorted ones, which end at `used`. */
static void insert_sorted(char *names, uint32_t used, const char *name, uint32_t bytes)
{
    uint32_t at = 0;
    while (at < used && strcmp(names + at, name) < 0)
        at += (uint32_t)strlen(names + at) + 1;
    memmove(names + at + bytes, names + at, used - at);
    memcpy(names + at, name, bytes);
}

int32_t env_list(struct env *env, int32_t directory, char *names, uint32_t capacity_bytes)
{
    (void)env;
    _Alignas(struct dirent64) char entries[4096];
    int32_t count = 0;
    uint32_t used = 0;
    ssize_t filled;
    if (lseek(directory, 0, SEEK_SET) < 0)
        return -errno;
    while ((filled = getdents64(directory, entries, sizeof entries)) > 0) {
        for (ssize_t at = 0; at < filled;) {
            const struct dirent64 *entry = (const void *)(entries + at);
            at += entry->d_reclen;
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                continue;
            uint32_t bytes = (uint32_t)strlen(entry->d_name) + 1;
            if (bytes > capacity_bytes - used)
                return -ENOBUFS;
            insert_sorted(names, used, entry->d_name, bytes);
            used += bytes;
            count++;
        }
    }
    return filled < 0 ? -errno : count;
}

int64_t env_file_bytes(struct env *env, int32_t file)
{
    (void)env;
    struct stat facts;
    return fstat(file, &facts) < 0 ? -errno : facts.st_size;
}

int64_t env_free_bytes(struct env *env, int32_t directory)
{
    (void)env;
    struct statvfs facts;
    if (fstatvfs(directory, &facts) < 0)
        return -errno;
    return (int64_t)(facts.f_bavail * facts.f_frsize);
}

/* --- clocks and chance --- */

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;
    CHECK(clock_gettime(clock, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t env_now(struct env *env)
{
    (void)env;
    return read_clock(CLOCK_REALTIME);
}

uint64_t env_clock(struct env *env)
{
    (void)env;
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t env_cpu(struct env *env)
{
    (void)env;
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t env_allocated(struct env *env)
{
    (void)env;
    uint64_t bytes = 0;
#ifdef SPATE_JEMALLOC /* sanitizers bring an allocator of their own */
    size_t value_bytes = sizeof bytes;
    CHECK(mallctl("thread.allocated", &bytes, &value_bytes, NULL, 0) == 0);
#endif
    return bytes;
}

uint64_t env_random(struct env *env)
{
    (void)env;
    uint64_t value;
    CHECK(getrandom(&value, sizeof value, 0) == sizeof value);
    return value;
}

/* Memory that cannot be given back (it is locked, say) stays: nobody is worse off. */
void env_disuse(struct env *env, void *at, uint64_t bytes)
{
    (void)env;
    madvise(at, bytes, MADV_DONTNEED);
}

/* A kernel that does not know how leaves the pages to whoever needs them first. */
int32_t env_touch(struct env *env, void *at, uint64_t bytes)
{
    (void)env;
    return madvise(at, bytes, MADV_POPULATE_WRITE) < 0 && errno == ENOMEM ? -ENOMEM : 0;
}

void env_point(struct env *env, enum env_point point)
{
    (void)env;
    (void)point;
}

/* --- standing back --- */

enum { SHARE_NICE = 10 };

/* Asks for what a way back from SCHED_IDLE asks for. */
static bool may_be_less_nice(void)
{
    (void)setpriority(PRIO_PROCESS, 0, SHARE_NICE + 1);
    return setpriority(PRIO_PROCESS, 0, SHARE_NICE) == 0;
}

static void move_back(pid_t thread, int policy)
{
    (void)setpriority(PRIO_PROCESS, (id_t)thread, SHARE_NICE);
    (void)sched_setscheduler(thread, policy, &(struct sched_param){0});
}

/* Whether this is one of the kernel's threads that do what our ring cannot do at once. Those of shards'
 * rings have never stood back; the number in a thread's name is another one within a namespace. */
static bool works_for_us(int tasks, const char *thread)
{
    static const char worker[] = "iou-wrk-";
    char path[32], name[32] = "";
    if (sched_getscheduler((pid_t)atoi(thread)) == SCHED_OTHER)
        return false;
    snprintf(path, sizeof path, "%.16s/comm", thread);
    int file = openat(tasks, path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t bytes = read(file, name, sizeof name - 1);
    close(file);
    return bytes > 0 && strncmp(name, worker, sizeof worker - 1) == 0;
}

/* The kernel's threads are as far back as we were when they began, so they must be told. */
void env_stand_back(struct env *env, bool far)
{
    (void)env;
    int policy = may_be_less_nice() && far ? SCHED_IDLE : SCHED_BATCH;
    move_back(0, policy);
    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *task;
    while (tasks != NULL && (task = readdir(tasks)) != NULL)
        if (works_for_us(dirfd(tasks), task->d_name))
            move_back((pid_t)atoi(task->d_name), policy);
    if (tasks != NULL)
        closedir(tasks);
}

/* --- the line to whoever runs the server --- */

/* A pipe whose reader sleeps or a stopped terminal must not stop a shard: such a line is lost. A
 * file that cannot be written without waiting in principle (RWF_NOWAIT) is asked first; where two
 * threads ask at the same moment, a pipe on a kernel before 6.4 may still make one of them wait. */
void env_system_say(const char *line)
{
    union {
        const char *from;
        void *at;
    } text = {.from = line};
    char end[] = "\033[K\n"; /* a terminal may have a longer line there, of progress */
    size_t end_bytes = isatty(STDERR_FILENO) ? sizeof end - 1 : 1;
    struct iovec parts[2] = {
        {.iov_base = text.at, .iov_len = strlen(line)},
        {.iov_base = end + sizeof end - 1 - end_bytes, .iov_len = end_bytes},
    };
    if (pwritev2(STDERR_FILENO, parts, 2, -1, RWF_NOWAIT) >= 0 || errno != EOPNOTSUPP)
        return;
    struct pollfd stderr_poll = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&stderr_poll, 1, 0) == 1 && (stderr_poll.revents & POLLOUT) != 0 &&
        writev(STDERR_FILENO, parts, 2) < 0)
        return; /* there is nobody left to tell */
}
