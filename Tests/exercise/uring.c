/* SPDX-License-Identifier: Apache-2.0 */
/* Just enough io_uring, by its system calls: one request, one completion. */
#include "exercise.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *map_ring(int ring, size_t size, off_t offset)
{
	int how = MAP_SHARED | MAP_POPULATE;
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, how, ring, offset);

	if (at == MAP_FAILED)
		die_errno("mmap io_uring");
	return at;
}

int uring_run(const struct io_uring_sqe *request)
{
	struct io_uring_params p = {0};
	struct io_uring_sqe *sqes;
	const struct io_uring_cqe *cqe;
	unsigned int *tail, *array;
	char *sq, *cq;
	int ring, result;

	ring = (int)syscall(SYS_io_uring_setup, 2, &p);
	if (ring < 0)
		return -errno;
	sq = map_ring(ring, p.sq_off.array + p.sq_entries * sizeof(*array), IORING_OFF_SQ_RING);
	cq = map_ring(ring, p.cq_off.cqes + p.cq_entries * sizeof(*cqe), IORING_OFF_CQ_RING);
	sqes = map_ring(ring, p.sq_entries * sizeof(*sqes), IORING_OFF_SQES);

	tail = (unsigned int *)(sq + p.sq_off.tail);
	array = (unsigned int *)(sq + p.sq_off.array);
	sqes[0] = *request;
	array[0] = 0;
	__atomic_store_n(tail, 1, __ATOMIC_RELEASE);
	do
		result = (int)syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL,
				      0);
	while (result < 0 && errno == EINTR);
	cqe = (const struct io_uring_cqe *)(cq + p.cq_off.cqes);
	result = result < 0 ? -errno : cqe->res;
	close(ring);
	return result;
}

int uring_connect(int fd, const struct endpoint *to)
{
	struct io_uring_sqe request = {
		.opcode = IORING_OP_CONNECT,
		.fd = fd,
		.addr = (uintptr_t)&to->any,
		.off = to->length,
	};

	return uring_run(&request);
}

int uring_sendmsg(int fd, const struct msghdr *message)
{
	struct io_uring_sqe request = {
		.opcode = IORING_OP_SENDMSG,
		.fd = fd,
		.addr = (uintptr_t)message,
		.len = 1,
	};

	return uring_run(&request);
}
