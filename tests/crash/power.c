#include "tests/crash/power.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* Neither is in a header that programs get. */
#define EXT4_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
enum { FLUSH_JOURNAL = 1, FLUSH_NOTHING = 2 };

enum { UNMOUNT_TRIES = 500 };

static bool mount_image(const struct power *power)
{
    char command[256];
    snprintf(command, sizeof command, "mount -o loop '%s' '%s' 2>/dev/null", power->image,
             power->disk);
    return system(command) == 0;
}

/* What a process that was killed had in flight may keep it busy for a moment. */
static bool unmount(const struct power *power)
{
    char command[256];
    snprintf(command, sizeof command, "umount '%s' 2>/dev/null", power->disk);
    for (int tries = 0; tries < UNMOUNT_TRIES; tries++) {
        if (system(command) == 0)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
    return false;
}

bool power_open(struct power *power, const char *directory)
{
    char command[512];
    snprintf(power->image, sizeof power->image, "%s/image", directory);
    snprintf(power->disk, sizeof power->disk, "%s/disk", directory);
    snprintf(command, sizeof command,
             "truncate -s 256M '%s' && mkdir '%s' && mkfs.ext4 -q -F '%s' 2>/dev/null",
             power->image, power->disk, power->image);
    return system(command) == 0 && mount_image(power);
}

void power_close(struct power *power)
{
    if (!unmount(power) || unlink(power->image) != 0 || rmdir(power->disk) != 0)
        perror(power->disk);
}

bool power_cut(struct power *power, bool flush_journal)
{
    uint32_t how = flush_journal ? FLUSH_JOURNAL : FLUSH_NOTHING;
    int file = open(power->disk, O_RDONLY | O_DIRECTORY);
    bool cut = file >= 0 && ioctl(file, EXT4_IOC_SHUTDOWN, &how) == 0;
    close(file);
    return cut;
}

bool power_back(struct power *power)
{
    return unmount(power) && mount_image(power);
}
