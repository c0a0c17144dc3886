/* tests/crash/power.h - a disk whose power can be cut: ext4 in an image, on a loop device.
 *
 * The cut is EXT4_IOC_SHUTDOWN: nothing that ext4 keeps in memory reaches the image any more, neither
 * data nor journal, and every later write fails. Mounted again, it is what a machine finds after its
 * power has failed, as far as the page cache and the journal go; a drive's own cache is not in it. */
#ifndef SPATE_TESTS_CRASH_POWER_H
#define SPATE_TESTS_CRASH_POWER_H

#include <stdbool.h>

struct power {
    char image[80];
    char disk[80]; /* where it is mounted */
};

/* Makes an image in `directory` and mounts it; false: that is not possible here. */
bool power_open(struct power *power, const char *directory);
void power_close(struct power *power);

/* With `flush_journal`, names and lengths arrive and data does not: that happens too. */
bool power_cut(struct power *power, bool flush_journal);
/* After the last process has let go of it. */
bool power_back(struct power *power);

#endif
