/*
 * Whether berth can have an address, now and the next time. See doctor.h.
 */
#include <stdio.h>
#include <string.h>

#include "core/advice.h"
#include "core/doctor_say.h"

/* How an address is called in all of its findings. */
static void name_last(struct doctor_report *r, const struct addr *a)
{
	char subject[ADVICE_SUBJECT_MAX];

	(void)snprintf(r->findings[r->n - 1].subject, DOCTOR_SUBJECT_MAX, "%s",
		       advice_subject(a, subject));
}

static void examine_claim(const struct machine_info *m, const struct doctor_port *p,
			  struct doctor_report *r)
{
	bool is_root = m->uid == 0;

	switch (p->outcome) {
	case HOLDERS_FREE: doctor_say(r, DOCTOR_OK, "port", "%s", p->summary); return;
	case HOLDERS_HELD:
	case HOLDERS_HELD_BY_UNKNOWN:
		doctor_say(r, p->is_berths ? DOCTOR_NOTE : DOCTOR_ERROR, "port", "%s", p->summary);
		doctor_advise(r, "berth why %s%s", p->asked,
			      is_root ? "" : " (as root it sees the processes of all users)");
		return;
	case HOLDERS_NOT_PERMITTED:
		doctor_say(r, DOCTOR_ERROR, "port", "%s", p->summary);
		if (p->addr->family != AF_UNIX && p->addr->port < m->numbers[MACHINE_PORT_START])
			doctor_advise_setcap(r, m, 0);
		return;
	case HOLDERS_UNUSABLE:
	case HOLDERS_CHANGED: doctor_say(r, DOCTOR_ERROR, "port", "%s", p->summary); return;
	}
}

static bool is_reserved(const struct machine_ephemeral *e, uint16_t port)
{
	return e->reserved[port / 64] >> port % 64 & 1;
}

static bool has_reserved(const struct machine_ephemeral *e)
{
	for (size_t i = 0; i < MACHINE_PORTS / 64; i++)
		if (e->reserved[i])
			return true;
	return false;
}

/* The list is set as a whole: what stands in it has to stay. */
static void advise_reserving(const struct machine_ephemeral *e, uint16_t port,
			     struct doctor_report *r)
{
	if (e->is_reserved_known && !has_reserved(e))
		doctor_advise(r, "sysctl -w net.ipv4.ip_local_reserved_ports=%u", port);
	else if (e->reserved_text[0])
		doctor_advise(r, "sysctl -w net.ipv4.ip_local_reserved_ports=%s,%u",
			      e->reserved_text, port);
	else
		doctor_advise(r,
			      "sysctl -w net.ipv4.ip_local_reserved_ports=\"$(sysctl -n "
			      "net.ipv4.ip_local_reserved_ports),%u\"",
			      port);
}

static void examine_client_range(const struct machine_info *m, const struct addr *a,
				 struct doctor_report *r)
{
	const struct machine_ephemeral *e = &m->ephemeral;
	char subject[ADVICE_SUBJECT_MAX];

	if (a->family == AF_UNIX || !e->is_known || a->port < e->first || a->port > e->last ||
	    is_reserved(e, a->port))
		return;
	doctor_say(r, DOCTOR_WARNING, "client_port",
		   "%s is one of those that the kernel gives to clients (%u to %u): any outgoing "
		   "connection may have it when berth starts",
		   advice_subject(a, subject), e->first, e->last);
	advise_reserving(e, a->port, r);
	name_last(r, a);
}

void doctor_examine_port(const struct machine_info *m, const struct doctor_port *port,
			 struct doctor_report *report)
{
	examine_claim(m, port, report);
	name_last(report, port->addr);
	examine_client_range(m, port->addr, report);
}
