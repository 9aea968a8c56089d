/*
 * Prints findings and what was read. Names never change their meaning; new ones may come.
 */
#include "prog/doctor_json.h"

#include <errno.h>
#include <jansson.h>
#include <linux/capability.h>

static const char *const number_names[MACHINE_NUMBERS] = {
	[MACHINE_SOMAXCONN] = "net.core.somaxconn",
	[MACHINE_SYNCOOKIES] = "net.ipv4.tcp_syncookies",
	[MACHINE_MIGRATE_REQ] = "net.ipv4.tcp_migrate_req",
	[MACHINE_PORT_START] = "net.ipv4.ip_unprivileged_port_start",
	[MACHINE_FILE_MAX] = "fs.file-max",
	[MACHINE_NR_OPEN] = "fs.nr_open",
	[MACHINE_UNPRIVILEGED_BPF] = "kernel.unprivileged_bpf_disabled",
	[MACHINE_BPF_JIT] = "net.core.bpf_jit_enable",
	[MACHINE_PTRACE_SCOPE] = "kernel.yama.ptrace_scope",
};

static const char *const limit_names[MACHINE_LIMITS] = {
	[MACHINE_FILES_SOFT] = "nofile_soft",
	[MACHINE_FILES_HARD] = "nofile_hard",
	[MACHINE_PROCESSES] = "nproc",
	[MACHINE_MEMLOCK] = "memlock",
};

static const struct {
	unsigned number;
	const char *name;
} cap_names[] = {
	{ CAP_BPF, "cap_bpf" },
	{ CAP_NET_ADMIN, "cap_net_admin" },
	{ CAP_PERFMON, "cap_perfmon" },
	{ CAP_NET_BIND_SERVICE, "cap_net_bind_service" },
	{ CAP_SYS_PTRACE, "cap_sys_ptrace" },
};

static const char *const cgroup_names[] = {
	[MACHINE_CGROUP_NONE] = "none",
	[MACHINE_CGROUP_V1] = "v1",
	[MACHINE_CGROUP_HYBRID] = "hybrid",
	[MACHINE_CGROUP_V2] = "v2",
};

/* null for what isn't known; for limits, "unlimited" for none. */
static json_t *number_json(uint64_t number)
{
	if (number == MACHINE_UNLIMITED)
		return json_string("unlimited");
	return number > INT64_MAX ? json_null() : json_integer((json_int_t)number);
}

/* Each number under its name. */
static json_t *numbers_json(const uint64_t *numbers, const char *const *names, size_t n)
{
	json_t *object = json_object();

	for (size_t i = 0; i < n; i++) {
		if (json_object_set_new(object, names[i], number_json(numbers[i])) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

/* Those that berth has a use for. */
static json_t *caps_json(uint64_t caps)
{
	json_t *array = json_array();

	for (size_t i = 0; i < sizeof(cap_names) / sizeof(cap_names[0]); i++) {
		if (!(caps >> cap_names[i].number & 1))
			continue;
		if (json_array_append_new(array, json_string(cap_names[i].name)) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *ephemeral_json(const struct machine_ephemeral *e)
{
	if (!e->is_known)
		return json_null();
	return json_pack("{s:i, s:i, s:s}", "first", e->first, "last", e->last, "reserved",
			 e->reserved_text);
}

static json_t *machine_json(const struct machine_info *m)
{
	return json_pack("{s:s, s:b, s:I, s:o, s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:I, s:s, "
			 "s:b}",
			 "kernel", m->release, "btf", m->has_btf, "uid", (json_int_t)m->uid,
			 "capabilities", caps_json(m->caps.effective), "file_capabilities",
			 m->file_caps.is_there ? caps_json(m->file_caps.permitted) : json_null(),
			 "no_new_privs", m->caps.no_new_privs, "nosuid", m->is_nosuid, "sysctl",
			 numbers_json(m->numbers, number_names, MACHINE_NUMBERS), "limits",
			 numbers_json(m->limits, limit_names, MACHINE_LIMITS), "client_ports",
			 ephemeral_json(&m->ephemeral), "open_files", number_json(m->files_used),
			 "available_bytes", number_json(m->available_bytes), "cpus",
			 (json_int_t)m->n_cpus, "cgroup", cgroup_names[m->cgroup],
			 "cgroup_delegated", m->is_delegated);
}

static json_t *text_json(const char *text)
{
	return text[0] ? json_string(text) : json_null();
}

static json_t *findings_json(const struct doctor_report *report)
{
	json_t *array = json_array();

	for (size_t i = 0; i < report->n; i++) {
		const struct doctor_finding *f = &report->findings[i];
		json_t *finding = json_pack("{s:s, s:s, s:o, s:s, s:o}", "id", f->id, "severity",
					    doctor_severity_text(f->severity), "subject",
					    text_json(f->subject), "message", f->text, "action",
					    text_json(f->action));

		if (json_array_append_new(array, finding) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

int doctor_json_print(const struct machine_info *m, const struct doctor_tier *tier,
		      const struct doctor_report *report, FILE *out)
{
	json_t *all = json_pack("{s:s, s:{s:s, s:b, s:s}, s:o, s:o}", "verdict",
				doctor_severity_text(doctor_worst(report)), "tier", "name",
				tier->is_steered ? "steered" : "shared", "queues_seen",
				tier->sees_queues, "message", tier->text, "findings",
				findings_json(report), "machine", machine_json(m));
	int err = 0;

	if (!all)
		return -ENOMEM;
	if (json_dumpf(all, out, JSON_INDENT(2)) < 0 || fputc('\n', out) == EOF)
		err = -EIO;
	json_decref(all);
	return err;
}
