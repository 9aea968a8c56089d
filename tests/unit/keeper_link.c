/*
 * Messages between a primary and its keeper; one end of the channel plays either.
 */
#include "os/keeper_link.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/own.h"
#include "run_suite.h"

static int ours;
static int keepers;
static int some_fd;
static struct keeper_message sample;

static void begin(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	ours = pair[0];
	keepers = pair[1];
	some_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(some_fd, 0);
	sample = (struct keeper_message){
		.magic = KEEPER_MAGIC,
		.version = KEEPER_VERSION,
		.type = KEEPER_ITEM,
		.number = -7,
		.pid = 42,
		.sequence = UINT64_MAX,
		.name = "port/1",
	};
}

static size_t n_open(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t n = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory))
		n++;
	(void)closedir(directory);
	return n;
}

static bool is_same_file(int a, int b)
{
	struct stat of_a, of_b;

	ck_assert_int_eq(fstat(a, &of_a), 0);
	ck_assert_int_eq(fstat(b, &of_b), 0);
	return of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

/* What no keeper sends: any bytes, with any number of descriptors. */
static void send_raw(const void *bytes, size_t size, size_t n_fds)
{
	int fds[2] = { some_fd, some_fd };
	union {
		char room[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr header;
	} control = { .header = { .cmsg_len = CMSG_LEN(n_fds * sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec data = { (void *)bytes, size };
	struct msghdr h = { .msg_iov = &data, .msg_iovlen = 1 };

	if (n_fds > 0) {
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(keepers, &h, 0), (ssize_t)size);
}

/* It is refused, and leaves nothing behind, whether a descriptor comes with it or not. */
static void assert_refused(const void *bytes, size_t size)
{
	for (size_t n_fds = 0; n_fds <= 1; n_fds++) {
		struct keeper_message m = { .number = 99 };
		size_t n_before = n_open();
		int fd = 98;

		send_raw(bytes, size, n_fds);
		ck_assert_int_eq(keeper_link_receive(ours, false, &m, &fd), -EPROTO);
		ck_assert_int_eq(m.number, 99);
		ck_assert_int_eq(fd, 98);
		ck_assert_uint_eq(n_open(), n_before);
	}
}

START_TEST(a_message_arrives_as_it_was_sent)
{
	struct keeper_message m;
	int fd = 98;

	ck_assert_int_eq(keeper_link_send(keepers, &sample, NO_FD), 0);
	ck_assert_int_eq(keeper_link_receive(ours, false, &m, &fd), 0);
	ck_assert_mem_eq(&m, &sample, sizeof(m));
	ck_assert_int_eq(fd, NO_FD);
}
END_TEST

START_TEST(magic_and_version_need_not_be_filled_in)
{
	struct keeper_message blank = { .type = KEEPER_READY };
	struct keeper_message m;
	int fd;

	ck_assert_int_eq(keeper_link_send(keepers, &blank, NO_FD), 0);
	ck_assert_int_eq(keeper_link_receive(ours, true, &m, &fd), 0);
	ck_assert_uint_eq(m.magic, KEEPER_MAGIC);
	ck_assert_uint_eq(m.version, KEEPER_VERSION);
	ck_assert_uint_eq(m.type, KEEPER_READY);
}
END_TEST

START_TEST(a_descriptor_comes_with_it_and_the_senders_stays_open)
{
	struct keeper_message m;
	int fd = NO_FD;

	ck_assert_int_eq(keeper_link_send(keepers, &sample, some_fd), 0);
	ck_assert_int_eq(keeper_link_receive(ours, false, &m, &fd), 0);
	ck_assert_int_ne(fd, some_fd);
	ck_assert(is_same_file(fd, some_fd));
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_ge(fcntl(some_fd, F_GETFD), 0);
}
END_TEST

START_TEST(messages_come_one_by_one_in_their_order)
{
	struct keeper_message m;
	int fd;

	for (int i = 0; i < 3; i++) {
		sample.number = i;
		ck_assert_int_eq(keeper_link_send(keepers, &sample, i == 1 ? some_fd : NO_FD), 0);
	}
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(keeper_link_receive(ours, false, &m, &fd), 0);
		ck_assert_int_eq(m.number, i);
		ck_assert_int_eq(fd >= 0, i == 1);
	}
	ck_assert_int_eq(keeper_link_receive(ours, false, &m, &fd), -EAGAIN);
}
END_TEST

START_TEST(a_dead_keeper_is_told_once_all_that_it_said_is_read)
{
	struct keeper_message m;
	int fd;

	ck_assert_int_eq(keeper_link_send(keepers, &sample, NO_FD), 0);
	(void)close(keepers);
	/* a signal would end us here */
	ck_assert_int_eq(keeper_link_send(ours, &sample, NO_FD), -EPIPE);
	ck_assert_int_eq(keeper_link_receive(ours, true, &m, &fd), 0);
	ck_assert_int_eq(keeper_link_receive(ours, true, &m, &fd), -EPIPE);
	ck_assert_int_eq(keeper_link_receive(ours, false, &m, &fd), -EPIPE);
}
END_TEST

START_TEST(a_keeper_that_dies_with_a_message_unread_is_told)
{
	struct keeper_message m;
	int fd;

	ck_assert_int_eq(keeper_link_send(ours, &sample, NO_FD), 0);
	(void)close(keepers);
	ck_assert_int_eq(keeper_link_receive(ours, true, &m, &fd), -ECONNRESET);
	ck_assert_int_eq(keeper_link_receive(ours, true, &m, &fd), -EPIPE);
}
END_TEST

START_TEST(what_is_no_message_is_refused_and_leaves_no_descriptor)
{
	struct keeper_message bad = sample;
	char longer[sizeof(sample) + 1] = "";

	bad.magic++;
	assert_refused(&bad, sizeof(bad));
	bad = sample;
	bad.version++;
	assert_refused(&bad, sizeof(bad));
	bad = sample;
	memset(bad.name, 'x', sizeof(bad.name));
	assert_refused(&bad, sizeof(bad));
	assert_refused(&sample, sizeof(sample) - 1);
	assert_refused(&sample, 1);
	memcpy(longer, &sample, sizeof(sample));
	assert_refused(longer, sizeof(longer));
}
END_TEST

START_TEST(of_two_descriptors_none_is_left_behind)
{
	struct keeper_message m;
	size_t n_before = n_open();
	int fd = 98;

	send_raw(&sample, sizeof(sample), 2);
	ck_assert_int_eq(keeper_link_receive(ours, false, &m, &fd), -EPROTO);
	ck_assert_int_eq(fd, 98);
	ck_assert_uint_eq(n_open(), n_before);
}
END_TEST

START_TEST(a_descriptor_that_finds_no_place_is_told_and_not_taken_for_none)
{
	struct rlimit files;
	struct rlimit none_left;
	struct keeper_message m;
	int fd = 98;

	ck_assert_int_eq(keeper_link_send(keepers, &sample, some_fd), 0);
	ck_assert_int_eq(keeper_link_send(keepers, &sample, NO_FD), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
	none_left = files;
	none_left.rlim_cur = (rlim_t)dup(some_fd);
	(void)close((int)none_left.rlim_cur);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none_left), 0);
	ck_assert_int_eq(keeper_link_receive(ours, false, &m, &fd), -EMFILE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	ck_assert_int_eq(fd, 98);
	ck_assert_int_eq(keeper_link_receive(ours, false, &m, &fd), 0);
	ck_assert_int_eq(fd, NO_FD);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_message_arrives_as_it_was_sent,
		magic_and_version_need_not_be_filled_in,
		a_descriptor_comes_with_it_and_the_senders_stays_open,
		messages_come_one_by_one_in_their_order,
		a_dead_keeper_is_told_once_all_that_it_said_is_read,
		a_keeper_that_dies_with_a_message_unread_is_told,
		what_is_no_message_is_refused_and_leaves_no_descriptor,
		of_two_descriptors_none_is_left_behind,
		a_descriptor_that_finds_no_place_is_told_and_not_taken_for_none,
	};

	return RUN_SUITE_AFTER(begin, "keeper_link", tests);
}
