/*
 * The kernel, berth's programs, and what this user may do. See doctor.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "core/doctor_say.h"

#define MAJOR_LEAST  5 /* Linux 5.19: a signal cannot interrupt a trapped call's wait */
#define MINOR_LEAST  19
#define NAMES_MAX    256
#define QUOTED_MAX   (PATH_MAX + 3)
#define SCOPE_NOBODY 3 /* of Yama: not even with the right */

#define BIT(capability) (UINT64_C(1) << (capability))
#define STEER_CAPS      (BIT(CAP_BPF) | BIT(CAP_NET_ADMIN))

static const struct {
	uint64_t bit;
	const char *name;
} named_caps[] = {
	{ BIT(CAP_BPF), "cap_bpf" },
	{ BIT(CAP_NET_ADMIN), "cap_net_admin" },
	{ BIT(CAP_PERFMON), "cap_perfmon" },
	{ BIT(CAP_NET_BIND_SERVICE), "cap_net_bind_service" },
	{ BIT(CAP_SYS_PTRACE), "cap_sys_ptrace" },
};

#define N_NAMED   (sizeof(named_caps) / sizeof(named_caps[0]))
#define N_OF_ROOT 4 /* of those, how many berth has a use for everywhere */

bool doctor_has_caps(uint64_t caps, uint64_t wanted)
{
	return (caps & wanted) == wanted;
}

/* "cap_bpf,cap_net_admin": those of @caps that berth has a use for. */
static const char *names_of(uint64_t caps, char ret_text[static NAMES_MAX])
{
	size_t length = 0;

	ret_text[0] = '\0';
	for (size_t i = 0; i < N_NAMED; i++)
		if (doctor_has_caps(caps, named_caps[i].bit))
			length += (size_t)snprintf(ret_text + length, NAMES_MAX - length, "%s%s",
						   length > 0 ? "," : "", named_caps[i].name);
	return ret_text;
}

/* A path as a shell takes it. */
static const char *quoted(const char *path, char ret_text[static QUOTED_MAX])
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789/._+-";
	char shown[PATH_MAX];
	bool is_plain = path[strspn(path, plain)] == '\0';

	(void)escape_text(path, strlen(path), shown, sizeof(shown));
	(void)snprintf(ret_text, QUOTED_MAX, is_plain ? "%s" : "'%s'", shown);
	return ret_text;
}

void doctor_advise_setcap(struct doctor_report *r, const struct machine_info *m, uint64_t more)
{
	char names[NAMES_MAX], path[QUOTED_MAX];
	uint64_t caps = more | m->file_caps.permitted;

	for (size_t i = 0; i < N_OF_ROOT; i++)
		caps |= named_caps[i].bit;
	doctor_advise(r, "setcap %s=ep %s", names_of(caps, names),
		      quoted(m->primary_path[0] ? m->primary_path : "berthd", path));
}

/* The kernel does not execute a file whose capabilities it could not give. */
static bool has_too_many_caps(const struct machine_info *m)
{
	return m->primary_error == EPERM && m->file_caps.is_effective &&
	       !doctor_has_caps(m->caps.bounding, m->file_caps.permitted);
}

static void say_too_many_caps(const struct machine_info *m, struct doctor_report *r)
{
	char names[NAMES_MAX], path[QUOTED_MAX];

	doctor_say(r, DOCTOR_ERROR, "programs",
		   "berthd cannot be run: its file has capabilities (%s) that nobody may have in "
		   "this session or container",
		   names_of(m->file_caps.permitted & ~m->caps.bounding, names));
	doctor_advise(r,
		      "setcap -r %s; or --cap-add for the container, CapabilityBoundingSet= in "
		      "the unit",
		      quoted(m->primary_path, path));
}

static void examine_program(const char *name, int error, struct doctor_report *r)
{
	if (!error)
		return;
	doctor_say(r, DOCTOR_ERROR, "programs", "%s cannot be run (%s): `berth run` needs it", name,
		   error == ENOENT ? "it stands beside no other of berth's programs"
				   : strerrordesc_np(error));
	doctor_advise(r, "install berth as a whole: meson install -C build");
}

static void examine_kernel(const struct machine_info *m, struct doctor_report *r)
{
	if (m->kernel_major == 0) {
		doctor_say(r, DOCTOR_WARNING, "kernel",
			   "which kernel this is cannot be read: berth needs Linux %d.%d or later",
			   MAJOR_LEAST, MINOR_LEAST);
		doctor_advise(r, "mount /proc");
	} else if (m->kernel_major < MAJOR_LEAST ||
		   (m->kernel_major == MAJOR_LEAST && m->kernel_minor < MINOR_LEAST)) {
		doctor_say(r, DOCTOR_ERROR, "kernel",
			   "Linux %s is too old: berth needs %d.%d or later", m->release,
			   MAJOR_LEAST, MINOR_LEAST);
		doctor_advise(r, "boot a newer kernel");
	} else {
		doctor_say(r, DOCTOR_OK, "kernel", "Linux %s", m->release);
	}
	if (m->has_btf) {
		doctor_say(r, DOCTOR_OK, "btf", "the kernel describes its types (BTF)");
		return;
	}
	doctor_say(r, DOCTOR_NOTE, "btf",
		   "the kernel does not describe its types (BTF): the steering program cannot see "
		   "accept queues, and a stalled worker gets its turn like the others");
	doctor_advise(r, "boot a kernel with CONFIG_DEBUG_INFO_BTF");
}

void doctor_examine_programs(const struct machine_info *m, struct doctor_report *r)
{
	examine_kernel(m, r);
	if (has_too_many_caps(m))
		say_too_many_caps(m, r);
	else
		examine_program("berthd", m->primary_error, r);
	examine_program("berth-keeper", m->keeper_error, r);
	if (!m->primary_error && !m->keeper_error)
		doctor_say(r, DOCTOR_OK, "programs", "berthd and berth-keeper are there");
}

static const char *filter_meaning(int error)
{
	switch (error) {
	case EBUSY: return "another supervisor already answers this process's system calls";
	case EOPNOTSUPP:
	case EINVAL:
	case ENOSYS: return "the kernel lacks it, or this container hides it";
	case EPERM:
	case EACCES: return "it is forbidden here";
	default: return strerrordesc_np(error);
	}
}

static void examine_filter(const struct machine_info *m, struct doctor_report *r)
{
	int error = m->worker.filter_error;

	if (!error) {
		doctor_say(r, DOCTOR_OK, "seccomp",
			   "berth can answer its workers' bind and listen");
		return;
	}
	doctor_say(r, DOCTOR_ERROR, "seccomp",
		   "berth cannot answer its workers' bind and listen (seccomp notification: %s), "
		   "and so cannot share a port",
		   filter_meaning(error));
	if (error == EBUSY)
		doctor_advise(r, "start berth outside of the sandbox, or of the other berth, that "
				 "it runs in");
	else if (error == EPERM || error == EACCES)
		doctor_advise(r, "let the container's seccomp profile permit seccomp(2), or run it "
				 "with --security-opt seccomp=unconfined");
	else
		doctor_advise(r, "boot Linux %d.%d or later with CONFIG_SECCOMP_FILTER",
			      MAJOR_LEAST, MINOR_LEAST);
}

static const char *peek_meaning(int error)
{
	return error == EPERM || error == EACCES ? "it is forbidden here" : strerrordesc_np(error);
}

/* A worker is the keeper's child and not the primary's: for Yama, a stranger to it. */
static void examine_peek(const struct machine_info *m, struct doctor_report *r)
{
	int error = m->worker.memory_error ? m->worker.memory_error : m->worker.fd_error;
	uint64_t scope = m->numbers[MACHINE_PTRACE_SCOPE];

	if (!error) {
		doctor_say(r, DOCTOR_OK, "peek",
			   "berth can take its workers' sockets (process_vm_readv, pidfd_getfd)");
		return;
	}
	if (scope == MACHINE_UNKNOWN || scope == 0) {
		doctor_say(r, DOCTOR_ERROR, "peek",
			   "berth cannot take its workers' sockets (%s: %s), and so cannot share "
			   "a port",
			   m->worker.memory_error ? "process_vm_readv" : "pidfd_getfd",
			   peek_meaning(error));
		doctor_advise(r, "let the container's seccomp profile permit process_vm_readv(2) "
				 "and pidfd_getfd(2), or give it --cap-add SYS_PTRACE");
		return;
	}
	doctor_say(r, DOCTOR_ERROR, "peek",
		   "berth cannot take its workers' sockets, and so cannot share a port: "
		   "kernel.yama.ptrace_scope=%" PRIu64
		   " lets this user look into no process that is not "
		   "its own child",
		   scope);
	if (scope < SCOPE_NOBODY)
		doctor_advise_setcap(r, m, BIT(CAP_SYS_PTRACE));
	else
		doctor_advise(r,
			      "set kernel.yama.ptrace_scope=0 in /etc/sysctl.d, and boot again: "
			      "%d cannot be taken back",
			      SCOPE_NOBODY);
}

/* Why capabilities that the file has are not there when it runs. */
static void examine_file_caps(const struct machine_info *m, struct doctor_report *r)
{
	uint64_t lost = m->file_caps.permitted & ~m->caps.effective;
	char names[NAMES_MAX];

	if (!m->file_caps.is_there || m->primary_error || names_of(lost, names)[0] == '\0')
		return;
	if (m->caps.no_new_privs) {
		doctor_say(r, DOCTOR_WARNING, "file_rights",
			   "berthd's capabilities (%s) do not count: no_new_privs is set for "
			   "whatever is started here",
			   names);
		doctor_advise(r, "NoNewPrivileges=no in the unit, or the container without "
				 "--security-opt no-new-privileges");
	} else if (m->is_nosuid) {
		doctor_say(r, DOCTOR_WARNING, "file_rights",
			   "berthd's capabilities (%s) do not count: it is on a file system that "
			   "is mounted with nosuid",
			   names);
		doctor_advise(r, "mount it with suid, or install berth on another file system");
	} else if (!m->file_caps.is_effective) {
		doctor_say(r, DOCTOR_WARNING, "file_rights",
			   "berthd's capabilities (%s) do not count: its file does not make them "
			   "effective",
			   names);
		doctor_advise_setcap(r, m, 0);
	} else {
		doctor_say(r, DOCTOR_WARNING, "file_rights",
			   "berthd's capabilities (%s) do not count: they are those of another "
			   "user namespace",
			   names);
		doctor_advise(r, "start berth outside of this user namespace, or as its root");
	}
}

void doctor_examine_rights(const struct machine_info *m, struct doctor_report *r)
{
	char names[NAMES_MAX];

	if (m->worker.try_error) {
		doctor_say(r, DOCTOR_ERROR, "processes",
			   "no worker could be started, not even to try (%s)",
			   strerrordesc_np(m->worker.try_error));
		doctor_advise(r, "raise the limits of processes and of open files: ulimit -u, "
				 "ulimit -n, TasksMax=, LimitNOFILE=");
	} else {
		examine_filter(m, r);
		examine_peek(m, r);
	}
	doctor_say(r, DOCTOR_OK, "rights", "%s",
		   names_of(m->caps.effective, names)[0] ? names : "those of any user");
	examine_file_caps(m, r);
}

/* What would give berthd the rights to steer; examine_file_caps() has told of those that are lost. */
static void advise_steer_rights(const struct machine_info *m, struct doctor_report *r)
{
	const uint64_t wanted = STEER_CAPS | BIT(CAP_PERFMON);

	if (!doctor_has_caps(m->caps.bounding, wanted))
		doctor_advise(r, "--cap-add BPF --cap-add NET_ADMIN --cap-add PERFMON for the "
				 "container, or CapabilityBoundingSet= in the unit");
	else if (m->caps.no_new_privs)
		doctor_advise(r, "run berth as root, or without no_new_privs");
	else if (!doctor_has_caps(m->file_caps.permitted, wanted) || !m->file_caps.is_effective)
		doctor_advise_setcap(r, m, 0);
}

void doctor_examine_tier(const struct machine_info *m, const struct doctor_tier *tier,
			 struct doctor_report *r)
{
	bool is_complete = tier->is_steered && tier->sees_queues;
	bool is_broken = tier->is_permitted && !tier->is_steered;
	enum doctor_severity severity = is_broken ? DOCTOR_WARNING : DOCTOR_NOTE;

	doctor_say(r, is_complete ? DOCTOR_OK : severity, "tier", "%s", tier->text);
	if (is_complete)
		return;
	if (is_broken)
		doctor_advise(r, "boot a kernel with CONFIG_BPF_SYSCALL, CONFIG_BPF_JIT and "
				 "CONFIG_DEBUG_INFO_BTF, in the host as in its containers");
	else if (!doctor_has_caps(m->caps.effective, STEER_CAPS | BIT(CAP_PERFMON)))
		advise_steer_rights(m, r);
	else
		doctor_advise(r, "boot Linux 6.2 or later, with CONFIG_DEBUG_INFO_BTF");
}
