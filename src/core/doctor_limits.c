/*
 * Limits that bite, and some that are often held to. See doctor.h.
 */
#include <inttypes.h>

#include "core/doctor_say.h"

#define FILES_OF_PRIMARY    32 /* open in the primary and in the keeper before any worker runs */
#define FILES_PER_WORKER    5  /* its process, its filter, its output, and a berth at one port */
#define WORKERS_WANTED      100
#define FILES_WANTED        4096
#define FILES_ADVISED       65536
#define FILES_LEFT_WANTED   10000 /* on the whole host */
#define FILE_MAX_ADVISED    1000000
#define PROCESSES_WANTED    512
#define QUEUE_WANTED        1024 /* what --backlog asks for, where nobody says otherwise */
#define QUEUE_ADVISED       4096 /* the kernel's own since Linux 5.4 */
#define CLIENT_PORTS_WANTED 4096
#define MEMORY_WANTED       (UINT64_C(256) << 20)
#define BYTES_PER_MIB       (UINT64_C(1) << 20)

static bool is_less(uint64_t number, uint64_t wanted)
{
	return number != MACHINE_UNKNOWN && number < wanted;
}

static uint64_t advised_files(const struct machine_info *m)
{
	uint64_t most = m->numbers[MACHINE_NR_OPEN];

	return is_less(most, FILES_ADVISED) ? most : FILES_ADVISED;
}

static void examine_own_files(const struct machine_info *m, struct doctor_report *r)
{
	uint64_t hard = m->limits[MACHINE_FILES_HARD];
	uint64_t room = hard > FILES_OF_PRIMARY ? (hard - FILES_OF_PRIMARY) / FILES_PER_WORKER : 0;

	if (room >= WORKERS_WANTED)
		return;
	doctor_say(r, room == 0 ? DOCTOR_ERROR : DOCTOR_WARNING, "files",
		   "berth itself may open %" PRIu64 " files: %s%" PRIu64
		   " workers at one port have room in that",
		   hard, room == 0 ? "" : "no more than about ", room);
	doctor_advise(r, "as root: ulimit -n %" PRIu64 "; or LimitNOFILE=%" PRIu64 " in the unit",
		      advised_files(m), advised_files(m));
}

/* Workers get the limit as it was when berth was started. */
static void examine_files(const struct machine_info *m, struct doctor_report *r)
{
	uint64_t soft = m->limits[MACHINE_FILES_SOFT], hard = m->limits[MACHINE_FILES_HARD];
	uint64_t advised = advised_files(m);

	examine_own_files(m, r);
	if (!is_less(soft, FILES_WANTED)) {
		if (soft >= MACHINE_UNLIMITED)
			doctor_say(r, DOCTOR_OK, "worker_files",
				   "nothing limits the files that a worker may open");
		else
			doctor_say(r, DOCTOR_OK, "worker_files",
				   "a worker may open %" PRIu64 " files", soft);
		return;
	}
	doctor_say(r, DOCTOR_WARNING, "worker_files",
		   "a worker may open %" PRIu64 " files, and so have fewer than %" PRIu64
		   " connections at a "
		   "time, unless it raises the limit itself, as Node and Go do",
		   soft, soft);
	if (hard > soft && hard < advised)
		advised = hard;
	doctor_advise(r, "%sulimit -n %" PRIu64 "; or LimitNOFILE=%" PRIu64 " in the unit",
		      hard >= advised ? "" : "as root: ", advised, advised);
}

static void examine_host_files(const struct machine_info *m, struct doctor_report *r)
{
	uint64_t most = m->numbers[MACHINE_FILE_MAX], used = m->files_used;

	if (most == MACHINE_UNKNOWN || used == MACHINE_UNKNOWN)
		return;
	if (used + FILES_LEFT_WANTED <= most) {
		doctor_say(r, DOCTOR_OK, "host_files",
			   "%" PRIu64 " of %" PRIu64 " files are open on this host", used, most);
		return;
	}
	doctor_say(r, DOCTOR_WARNING, "host_files",
		   "%" PRIu64 " of %" PRIu64
		   " files are open on this host: when none is left, no connection is "
		   "accepted",
		   used, most);
	doctor_advise(r, "sysctl -w fs.file-max=%" PRIu64,
		      (used + FILE_MAX_ADVISED > most ? used + FILE_MAX_ADVISED : most));
}

static void examine_processes(const struct machine_info *m, struct doctor_report *r)
{
	uint64_t limit = m->limits[MACHINE_PROCESSES];

	if (m->uid == 0 || !is_less(limit, PROCESSES_WANTED))
		return; /* it does not hold for root */
	doctor_say(r, DOCTOR_WARNING, "user_processes",
		   "this user may have %" PRIu64
		   " processes and threads, all programs together: a worker "
		   "that cannot be started is tried again and again",
		   limit);
	doctor_advise(r, "ulimit -u %d; or LimitNPROC=infinity in the unit", 8 * PROCESSES_WANTED);
}

static void examine_queues(const struct machine_info *m, struct doctor_report *r)
{
	uint64_t longest = m->numbers[MACHINE_SOMAXCONN];

	if (longest == MACHINE_UNKNOWN)
		return;
	if (longest >= QUEUE_WANTED) {
		doctor_say(r, DOCTOR_OK, "somaxconn", "%" PRIu64 " connections may wait in a queue",
			   longest);
		return;
	}
	doctor_say(r, DOCTOR_WARNING, "somaxconn",
		   "no more than %" PRIu64
		   " connections wait in a queue, whatever --backlog says: in a "
		   "burst, or while no worker listens, further clients are put off by a second or "
		   "more",
		   longest);
	doctor_advise(r, "sysctl -w net.core.somaxconn=%d", QUEUE_ADVISED);
}

static void examine_handshakes(const struct machine_info *m, struct doctor_report *r)
{
	switch (m->numbers[MACHINE_SYNCOOKIES]) {
	case 0:
		doctor_say(r, DOCTOR_WARNING, "syncookies",
			   "SYN cookies are off: when a queue is full of half-open connections, "
			   "as in a SYN flood, true clients are not let in");
		doctor_advise(r, "sysctl -w net.ipv4.tcp_syncookies=1");
		break;
	case 1:
		doctor_say(r, DOCTOR_OK, "syncookies", "SYN cookies come when a queue is full");
		break;
	case 2:
		doctor_say(r, DOCTOR_WARNING, "syncookies",
			   "SYN cookies are used for every connection: without timestamps each "
			   "loses window scaling, and is slow over long ways");
		doctor_advise(r, "sysctl -w net.ipv4.tcp_syncookies=1");
		break;
	default: break;
	}
	if (m->numbers[MACHINE_MIGRATE_REQ] != MACHINE_UNKNOWN)
		doctor_say(r, DOCTOR_OK, "migrate_req",
			   "net.ipv4.tcp_migrate_req=%" PRIu64
			   " is as good as any: the steering program "
			   "moves queues without it, and in the shared tier there is one queue; "
			   "it counts for reuseport groups that are not berth's, at --private "
			   "ports, say",
			   m->numbers[MACHINE_MIGRATE_REQ]);
}

static void examine_client_ports(const struct machine_info *m, struct doctor_report *r)
{
	unsigned n = m->ephemeral.last - m->ephemeral.first + 1u;
	uint64_t start = m->numbers[MACHINE_PORT_START];

	if (m->ephemeral.is_known && n >= CLIENT_PORTS_WANTED)
		doctor_say(r, DOCTOR_OK, "client_ports",
			   "the kernel gives ports %u to %u to clients", m->ephemeral.first,
			   m->ephemeral.last);
	if (m->ephemeral.is_known && n < CLIENT_PORTS_WANTED) {
		doctor_say(r, DOCTOR_WARNING, "client_ports",
			   "the kernel gives no more than %u ports (%u to %u) to clients: all "
			   "workers together have at most as many connections to one backend",
			   n, m->ephemeral.first, m->ephemeral.last);
		doctor_advise(r, "sysctl -w net.ipv4.ip_local_port_range='32768 60999'");
	}
	if (start != MACHINE_UNKNOWN)
		doctor_say(r, DOCTOR_OK, "port_start", "ports from %" PRIu64 " on need no right",
			   start);
}

static void examine_bpf(const struct machine_info *m, struct doctor_report *r)
{
	uint64_t lock = m->limits[MACHINE_MEMLOCK];

	if (m->numbers[MACHINE_BPF_JIT] == 0) {
		doctor_say(r, DOCTOR_WARNING, "bpf_jit",
			   "the kernel interprets eBPF programs: steering costs several times as "
			   "much for each connection");
		doctor_advise(r, "sysctl -w net.core.bpf_jit_enable=1");
	}
	if (m->numbers[MACHINE_UNPRIVILEGED_BPF] != MACHINE_UNKNOWN)
		doctor_say(r, DOCTOR_OK, "unprivileged_bpf",
			   "kernel.unprivileged_bpf_disabled=%" PRIu64
			   " is as good as any: steering needs "
			   "CAP_BPF in any case",
			   m->numbers[MACHINE_UNPRIVILEGED_BPF]);
	if (lock < MACHINE_UNLIMITED)
		doctor_say(r, DOCTOR_OK, "memlock",
			   "%" PRIu64
			   " KiB of locked memory are enough: since Linux 5.11 the tables of "
			   "eBPF programs do not count",
			   lock / 1024);
}

static void examine_memory(const struct machine_info *m, struct doctor_report *r)
{
	uint64_t bytes = m->available_bytes;

	if (bytes == MACHINE_UNKNOWN)
		return;
	if (bytes >= MEMORY_WANTED) {
		doctor_say(r, DOCTOR_OK, "memory", "%" PRIu64 " MiB of memory are available",
			   (bytes / BYTES_PER_MIB));
		return;
	}
	doctor_say(r, DOCTOR_WARNING, "memory",
		   "%" PRIu64
		   " MiB of memory are available: the kernel kills workers when there is none",
		   (bytes / BYTES_PER_MIB));
	doctor_advise(r, "run fewer workers (-n), or raise the limit of this control group: "
			 "MemoryMax= in the unit");
}

static void examine_cpus(const struct machine_info *m, struct doctor_report *r)
{
	static const char *const texts[] = {
		[MACHINE_CGROUP_NONE] = "there are no control groups here",
		[MACHINE_CGROUP_V1] = "control groups are of version 1",
		[MACHINE_CGROUP_HYBRID] = "control groups are of version 1, with 2 beside it",
		[MACHINE_CGROUP_V2] = "control groups are of version 2",
	};

	if (m->n_cpus > 0)
		doctor_say(r, DOCTOR_OK, "cpus", "-n auto means %u worker%s", m->n_cpus,
			   m->n_cpus == 1 ? "" : "s");
	if (m->cgroup == MACHINE_CGROUP_V2 || m->cgroup == MACHINE_CGROUP_NONE) {
		doctor_say(r, DOCTOR_OK, "cgroup", "%s%s", texts[m->cgroup],
			   m->is_delegated ? ", and ours is delegated to us" : "");
		return;
	}
	doctor_say(r, DOCTOR_NOTE, "cgroup",
		   "%s: where it limits CPU time, -n auto does not see that", texts[m->cgroup]);
	doctor_advise(r, "give -n a number in a container with a CPU limit");
}

void doctor_examine_limits(const struct machine_info *m, struct doctor_report *r)
{
	examine_files(m, r);
	examine_host_files(m, r);
	examine_processes(m, r);
	examine_queues(m, r);
	examine_handshakes(m, r);
	examine_client_ports(m, r);
	examine_bpf(m, r);
	examine_memory(m, r);
	examine_cpus(m, r);
}
