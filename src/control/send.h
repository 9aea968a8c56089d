/*
 * Sends one answer, as JSON.
 *
 * Each returns MHD_NO where the connection is to end, with nothing said. The thread of the
 * server only. Never blocks.
 */
#ifndef BERTH_CONTROL_SEND_H
#define BERTH_CONTROL_SEND_H

#include <microhttpd.h>

#include "control/answers.h"

/* Consumes @answer. @allow: for the header of that name, or NULL. */
enum MHD_Result send_json(struct MHD_Connection *http, struct answer *answer, const char *allow);

/* @code, @message: as answers_error() takes them */
enum MHD_Result send_error(struct MHD_Connection *http, unsigned status, const char *code,
			   const char *message);

/* @path has other methods than the one that was asked for. */
enum MHD_Result send_no_method(struct MHD_Connection *http, const char *path);

#endif
