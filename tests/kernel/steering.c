/* See steering.h. */
#include "steering.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel_help.h"
#include "net.h"
#include "promise.skel.h"

/* What libbpf says on a failure is the test's business only where the test fails. */
static int say_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

int steering_init(struct steering *s, bool with_depth)
{
	struct promise *bpf;
	struct bpf_program *chosen;
	struct bpf_program *other;
	void *state;
	int error;

	(void)libbpf_set_print(say_nothing);
	bpf = promise__open();
	if (!bpf)
		return -errno;
	chosen = with_depth ? bpf->progs.select_with_depth : bpf->progs.select_plainly;
	other = with_depth ? bpf->progs.select_plainly : bpf->progs.select_with_depth;
	error = bpf_program__set_autoload(other, false);
	if (!error)
		error = promise__load(bpf);
	if (error) {
		promise__destroy(bpf);
		return error;
	}

	state = mmap(NULL, sizeof(struct promise_state), PROT_READ | PROT_WRITE, MAP_SHARED,
		     bpf_map__fd(bpf->maps.states), 0);
	ck_assert_ptr_ne(state, MAP_FAILED);
	*s = (struct steering){ bpf, bpf_program__fd(chosen), state };
	return 0;
}

void steering_done(struct steering *s)
{
	(void)munmap((void *)s->state, sizeof(struct promise_state));
	promise__destroy(s->bpf);
}

int steering_put(const struct steering *s, uint32_t index, int listener)
{
	uint64_t fd = (uint64_t)listener;
	int map = bpf_map__fd(s->bpf->maps.sockets);

	return bpf_map_update_elem(map, &index, &fd, BPF_ANY) ? -errno : 0;
}

bool steering_has(const struct steering *s, uint32_t index)
{
	uint64_t cookie;
	bool has = !bpf_map_lookup_elem(bpf_map__fd(s->bpf->maps.sockets), &index, &cookie);

	if (!has)
		ck_assert_int_eq(errno, ENOENT);
	return has;
}

int steering_attach(const struct steering *s, int listener)
{
	int failed = setsockopt(listener, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &s->program,
				sizeof(s->program));

	return failed ? -errno : 0;
}

int steering_anchor(struct steering *s, uint16_t *ret_port)
{
	int anchor = net_anchor(AT_V4, ret_port);

	s->state->want = 0;
	s->state->fallback = STEERING_ANCHOR;
	ck_assert_int_eq(steering_attach(s, anchor), 0);
	ck_assert_int_eq(steering_put(s, STEERING_ANCHOR, anchor), 0);
	return anchor;
}

int steering_berth(const struct steering *s, uint16_t port, uint32_t index)
{
	int berth = net_listener(AT_V4, port, WITH_REUSEPORT);

	ck_assert_int_eq(steering_put(s, index, berth), 0);
	return berth;
}
