/*
 * Joins the primary to the control API.
 */
#ifndef BERTH_PROG_API_H
#define BERTH_PROG_API_H

#include "primary/primary.h"

extern const struct primary_api api;

#endif
