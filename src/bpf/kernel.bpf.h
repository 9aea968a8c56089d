/*
 * What the steering program reads of the kernel's structures; CO-RE finds where
 * they really are.
 */
#ifndef BERTH_BPF_KERNEL_BPF_H
#define BERTH_BPF_KERNEL_BPF_H

#define KERNEL_TYPE __attribute__((preserve_access_index))

typedef struct {
	__s64 counter;
} KERNEL_TYPE atomic64_t;

typedef struct {
	atomic64_t refcnt; /* one less than there are */
} KERNEL_TYPE file_ref_t;

struct file {
	file_ref_t f_ref;
} KERNEL_TYPE;

struct file___before_6_13 {
	atomic64_t f_count;
} KERNEL_TYPE;

struct socket {
	struct file *file;
} KERNEL_TYPE;

struct sock {
	__u32 sk_ack_backlog;
	struct socket *sk_socket;
} KERNEL_TYPE;

typedef struct {
	int counter;
} KERNEL_TYPE atomic_t;

struct request_sock_queue {
	atomic_t qlen; /* handshakes that have yet to end */
} KERNEL_TYPE;

struct inet_connection_sock {
	struct request_sock_queue icsk_accept_queue;
} KERNEL_TYPE;

struct reuseport_array {
	struct sock *ptrs[0];
} KERNEL_TYPE;

/* Weak: where the kernel lacks it, steer_by_turn still loads. */
extern void *bpf_rdonly_cast(void *object, __u32 btf_id) __ksym __weak;

#endif
