/*
 * Reads the attribute that setcap(8) writes. See file_caps.h.
 */
#include "os/file_caps.h"

#include <endian.h>
#include <linux/capability.h>
#include <stddef.h>
#include <sys/xattr.h>

bool file_caps_gives(const char *path, unsigned cap)
{
	struct vfs_ns_cap_data data = { 0 };
	ssize_t size = getxattr(path, "security.capability", &data, sizeof(data));

	if (size < (ssize_t)XATTR_CAPS_SZ_2 || CAP_TO_INDEX(cap) >= VFS_CAP_U32)
		return false;
	return (le32toh(data.magic_etc) & VFS_CAP_FLAGS_EFFECTIVE) &&
	       (le32toh(data.data[CAP_TO_INDEX(cap)].permitted) & CAP_TO_MASK(cap));
}
