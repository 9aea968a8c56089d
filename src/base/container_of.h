/*
 * From a member back to the struct that it is embedded in: loop handles and
 * list links live in their owner.
 */
#ifndef BERTH_BASE_CONTAINER_OF_H
#define BERTH_BASE_CONTAINER_OF_H

#include <stddef.h>

/* @member_ptr must point to @member of a @type; the compiler checks what it points to. */
#define container_of(member_ptr, type, member)                                  \
	__extension__({                                                         \
		__typeof__(((type){ 0 }).member) *member_ptr_ = (member_ptr);   \
		(type *)(void *)((char *)member_ptr_ - offsetof(type, member)); \
	})

#endif
