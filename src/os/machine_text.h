/*
 * The texts in which the kernel tells what it has and what it allows, read strictly: a
 * text that is not as it should be is none.
 */
#ifndef BERTH_OS_MACHINE_TEXT_H
#define BERTH_OS_MACHINE_TEXT_H

#include <stddef.h>

#include "base/machine_info.h"

/*
 * All return whether the text is what it should be, and write only then. Texts end with a
 * NUL. Any thread. None blocks.
 */

/* One number, as most of /proc/sys has it: "4096\n". One that is negative is no number. */
bool machine_text_number(const char *text, uint64_t *ret_number);

/* The begin of a kernel's release: "6.18.44-amd64\n". */
bool machine_text_release(const char *text, unsigned *ret_major, unsigned *ret_minor);

/* /proc/self/status, or its first bytes. */
bool machine_text_caps(const char *text, struct machine_caps *ret_caps);

/* net.ipv4.ip_local_port_range: "32768\t60999\n". */
bool machine_text_range(const char *text, uint16_t *ret_first, uint16_t *ret_last);

/* net.ipv4.ip_local_reserved_ports: "8080,9000-9010\n", or an empty line; a bit for each port. */
bool machine_text_reserved(const char *text, uint64_t ret_ports[static MACHINE_PORTS / 64]);

/* fs.file-nr: open, 0, the most there may be. */
bool machine_text_files(const char *text, uint64_t *ret_used);

/* /proc/meminfo, or its first bytes: what could be had without swapping. */
bool machine_text_available(const char *text, uint64_t *ret_bytes);

/* The attribute security.capability of a file. */
bool machine_text_file_caps(const void *bytes, size_t size, struct machine_file_caps *ret_caps);

#endif
