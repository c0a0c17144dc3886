/* tests/sim/steps.h - what a round of compaction has the disk do, so that a process can be ended in the
 * midst of each. */
#ifndef SPATE_TESTS_SIM_STEPS_H
#define SPATE_TESTS_SIM_STEPS_H

/* Its operation, how the file's name begins, and what is going on. */
/* clang-format off */
#define STEPS(X) \
    X(STEP_MAKE,          ENV_OPEN,   "snapshot.tmp", "a snapshot is begun") \
    X(STEP_WRITE,         ENV_WRITE,  "snapshot.tmp", "a snapshot is written") \
    X(STEP_SYNC,          ENV_FSYNC,  "snapshot.tmp", "a snapshot is synced") \
    X(STEP_VERIFY,        ENV_READ,   "snapshot.tmp", "a snapshot is read again") \
    X(STEP_NAME,          ENV_RENAME, "snapshot.tmp", "a snapshot gets its name") \
    X(STEP_SYNC_NAMES,    ENV_FSYNC,  "/data",        "names are synced") \
    X(STEP_MANIFEST,      ENV_WRITE,  "manifest.tmp", "a manifest is written") \
    X(STEP_SYNC_MANIFEST, ENV_FSYNC,  "manifest.tmp", "a manifest is synced") \
    X(STEP_NAME_MANIFEST, ENV_RENAME, "manifest.tmp", "a manifest gets its name") \
    X(STEP_REMOVE,        ENV_UNLINK, "snapshot-",    "the oldest snapshot is removed") \
    X(STEP_RETIRE,        ENV_RENAME, "log-",         "a segment is given away") \
    X(STEP_ARCHIVE_MAKE,  ENV_OPEN,   "archiving.tmp", "a copy for the archive is begun") \
    X(STEP_ARCHIVE_WRITE, ENV_WRITE,  "archiving.tmp", "a copy for the archive is written") \
    X(STEP_ARCHIVE_SYNC,  ENV_FSYNC,  "archiving.tmp", "a copy for the archive is synced") \
    X(STEP_ARCHIVE_READ,  ENV_READ,   "archiving.tmp", "a copy for the archive is read again") \
    X(STEP_ARCHIVE_NAME,  ENV_RENAME, "archiving.tmp", "a segment gets its name in the archive") \
    X(STEP_ARCHIVE_NAMES, ENV_FSYNC,  "/archive",      "the names in the archive are synced")
/* clang-format on */

enum step {
#define X(id, kind, name, words) id,
    STEPS(X)
#undef X
        STEP_COUNT,
    STEPS_WITHOUT_ARCHIVE = STEP_ARCHIVE_MAKE,
};

#endif
