/*
 * What a machine, its kernel and its user have for berth, as plain values: os reads
 * them, core says what they mean.
 */
#ifndef BERTH_BASE_MACHINE_INFO_H
#define BERTH_BASE_MACHINE_INFO_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define MACHINE_UNKNOWN   UINT64_MAX       /* a number that could not be read */
#define MACHINE_UNLIMITED (UINT64_MAX - 1) /* a limit that is none */

#define MACHINE_RELEASE_MAX  65 /* of a kernel, with its NUL */
#define MACHINE_RESERVED_MAX 512
#define MACHINE_PORTS        65536

/* Numbers that are each the only one in a file. */
enum machine_number {
	MACHINE_SOMAXCONN,
	MACHINE_SYNCOOKIES,
	MACHINE_MIGRATE_REQ,
	MACHINE_PORT_START,
	MACHINE_FILE_MAX,
	MACHINE_NR_OPEN,
	MACHINE_UNPRIVILEGED_BPF,
	MACHINE_BPF_JIT,
	MACHINE_PTRACE_SCOPE, /* unknown: there is no Yama */
	MACHINE_NUMBERS,
};

enum machine_limit {
	MACHINE_FILES_SOFT,
	MACHINE_FILES_HARD,
	MACHINE_PROCESSES,
	MACHINE_MEMLOCK,
	MACHINE_LIMITS,
};

enum machine_cgroup {
	MACHINE_CGROUP_NONE,
	MACHINE_CGROUP_V1,
	MACHINE_CGROUP_HYBRID, /* v1, and v2 beside it */
	MACHINE_CGROUP_V2,
};

/* The capabilities that a file gives, as setcap(8) writes them. */
struct machine_file_caps {
	bool is_there;
	bool is_effective;
	uint64_t permitted;
};

/* What a process of ours may do: of /proc/self/status. */
struct machine_caps {
	uint64_t effective;
	uint64_t bounding;
	bool no_new_privs;
};

/* The ports that the kernel gives to clients which ask for none. */
struct machine_ephemeral {
	bool is_known;
	uint16_t first;
	uint16_t last;
	bool is_reserved_known;
	char reserved_text
		[MACHINE_RESERVED_MAX];        /* as the kernel prints it, empty if it's longer */
	uint64_t reserved[MACHINE_PORTS / 64]; /* a bit for each port that is excepted */
};

/* What a worker must be able to do, and the primary with it, tried: 0 or errno. */
struct machine_worker_try {
	int try_error;    /* nothing could be tried */
	int filter_error; /* it runs under our filter */
	int memory_error; /* the primary reads its memory */
	int fd_error;     /* and takes its descriptors */
};

struct machine_info {
	char release[MACHINE_RELEASE_MAX];
	unsigned kernel_major; /* 0: not known */
	unsigned kernel_minor;
	bool has_btf;

	int primary_error; /* errno: there's no berthd beside us that could be executed */
	int keeper_error;
	char primary_path[PATH_MAX];
	struct machine_file_caps file_caps; /* of berthd */
	bool is_nosuid;                     /* the file system that it's on */

	uint32_t uid;
	struct machine_caps caps;
	struct machine_worker_try worker;

	uint64_t numbers[MACHINE_NUMBERS];
	uint64_t limits[MACHINE_LIMITS];
	uint64_t files_used;      /* on the whole host */
	uint64_t available_bytes; /* of memory, for us */
	struct machine_ephemeral ephemeral;

	unsigned n_cpus; /* that we may use; 0: not known */
	enum machine_cgroup cgroup;
	bool is_delegated; /* we may make control groups below our own */
};

#endif
