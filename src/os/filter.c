/*
 * The rules of the filter; libseccomp makes the kernel's program of them.
 */
#include "os/filter.h"

#include <netinet/in.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/own.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static const int asked[] = { SCMP_SYS(bind), SCMP_SYS(listen) };
static const int mptcp_families[] = { AF_INET, AF_INET6 };
static const int program_options[] = { SO_ATTACH_REUSEPORT_CBPF, SO_ATTACH_REUSEPORT_EBPF,
				       SO_DETACH_REUSEPORT_BPF };

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static int add_rules(scmp_filter_ctx ctx)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < COUNT_OF(asked); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, asked[i], 0);

	/* An MPTCP socket can neither join a steered group nor be put into its map. */
	for (size_t i = 0; r == 0 && i < COUNT_OF(mptcp_families); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(socket), 2,
				     SCMP_A0_32(SCMP_CMP_EQ, (unsigned)mptcp_families[i]),
				     SCMP_A2_32(SCMP_CMP_EQ, IPPROTO_MPTCP));

	/* The last program attached rules the whole group: a worker's must not. */
	for (size_t i = 0; r == 0 && i < COUNT_OF(program_options); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(0), SCMP_SYS(setsockopt), 2,
				     SCMP_A1_32(SCMP_CMP_EQ, SOL_SOCKET),
				     SCMP_A2_32(SCMP_CMP_EQ, (unsigned)program_options[i]));
	return r;
}

/* The library writes the compiled filter to a descriptor only. */
static int export(scmp_filter_ctx ctx, struct sock_fprog **ret_filter)
{
	own_fd fd = memfd_create("berth-filter", MFD_CLOEXEC);
	struct sock_fprog *f;
	off_t size;
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return r;
	size = lseek(fd, 0, SEEK_END);
	if (size < 0)
		return -errno;
	f = malloc(sizeof(*f) + (size_t)size);
	if (!f)
		return -ENOMEM;
	f->filter = (struct sock_filter *)(f + 1);
	f->len = (unsigned short)((size_t)size / sizeof(struct sock_filter));
	if (pread(fd, f->filter, (size_t)size, 0) != size) {
		(void)filter_free(f);
		return -EIO;
	}
	*ret_filter = f;
	return 0;
}

/* A filter that does not exist (NULL) with a flag that does is refused with EFAULT. */
static bool has_killable_wait(void)
{
	(void)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		      SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
		      NULL);
	return errno == EFAULT;
}

int filter_new(struct sock_fprog **ret_filter)
{
	scmp_filter_ctx ctx;
	int r;

	if (!has_killable_wait())
		return -EOPNOTSUPP;
	ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!ctx)
		return -ENOMEM;
	/* Programs of another architecture (i386 here) run as they would without us. */
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
	if (r == 0)
		r = add_rules(ctx);
	if (r == 0)
		r = export(ctx, ret_filter);
	seccomp_release(ctx);
	return r;
}

struct sock_fprog *filter_free(struct sock_fprog *f)
{
	free(f);
	return NULL;
}
