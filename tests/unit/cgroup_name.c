/*
 * Units and containers in the paths that systemd and the container engines make.
 */
#include "core/cgroup_name.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID "4f1c0d9a6a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5"

static void assert_names(const char *text, const char *unit, const char *container)
{
	struct cgroup_name name;

	memset(&name, 'x', sizeof(name));
	cgroup_name_parse(text, &name);
	ck_assert_str_eq(name.unit, unit);
	ck_assert_str_eq(name.container, container);
}

START_TEST(a_service_is_a_unit)
{
	assert_names("0::/system.slice/nginx.service\n", "nginx.service", "");
	assert_names("0::/system.slice/system-getty.slice/getty@tty1.service\n",
		     "getty@tty1.service", "");
}
END_TEST

START_TEST(a_session_is_a_unit)
{
	assert_names("0::/user.slice/user-1000.slice/session-2.scope\n", "session-2.scope", "");
}
END_TEST

START_TEST(the_innermost_unit_counts)
{
	assert_names("0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service\n",
		     "web.service", "");
}
END_TEST

START_TEST(engines_put_the_container_into_the_path)
{
	assert_names("0::/system.slice/docker-" ID ".scope\n", "", ID);
	assert_names("0::/docker/" ID "\n", "", ID);
	assert_names("0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-" ID ".scope\n",
		     "", ID);
	assert_names("0::/machine.slice/libpod-" ID ".scope/container\n", "", ID);
	assert_names("0::/kubepods/besteffort/pod1/" ID "\n", "", ID);
}
END_TEST

START_TEST(containers_may_have_names)
{
	assert_names("0::/lxc/web/init.scope\n", "init.scope", "web");
	assert_names("0::/lxc.payload.web/system.slice/nginx.service\n", "nginx.service", "web");
	assert_names("0::/machine.slice/machine-web.scope/payload\n", "", "web");
}
END_TEST

START_TEST(a_unit_inside_of_a_container_is_told_with_it)
{
	assert_names("0::/system.slice/docker-" ID ".scope/system.slice/nginx.service\n",
		     "nginx.service", ID);
}
END_TEST

START_TEST(beside_version_1_the_hierarchy_of_systemd_counts)
{
	assert_names("12:cpu,cpuacct:/docker/" ID "\n"
		     "1:name=systemd:/system.slice/nginx.service\n"
		     "0::/\n",
		     "nginx.service", "");
	assert_names("1:name=systemd:/\n"
		     "0::/system.slice/nginx.service\n",
		     "nginx.service", "");
}
END_TEST

START_TEST(what_is_no_unit_and_no_container_is_nothing)
{
	assert_names("", "", "");
	assert_names("0::/\n", "", "");
	assert_names("0::/.service\n", "", "");
	assert_names("0::/docker/4f1c0d9a\n", "", "");
	assert_names("0::/x" ID "\n", "", "");
	assert_names("0::/" ID "x\n", "", "");
	assert_names("0::/machine-.scope\n", "", "");
}
END_TEST

START_TEST(a_text_that_is_cut_or_makes_no_sense_does_no_harm)
{
	assert_names("0", "", "");
	assert_names("0:", "", "");
	assert_names(":", "", "");
	assert_names("0::", "", "");
	assert_names("\n\n::\n", "", "");
	assert_names("0::/system.slice/nginx.serv", "", "");
	assert_names("0::nginx.service", "nginx.service", "");
	assert_names("0:::nginx.service", ":nginx.service", "");
}
END_TEST

START_TEST(a_name_that_is_too_long_is_left_out)
{
	char text[2 * CGROUP_NAME_MAX];

	(void)snprintf(text, sizeof(text), "0::/%0*d.service\n", CGROUP_NAME_MAX, 0);
	assert_names(text, "", "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_name");
	TCase *tcase = tcase_create("cgroup_name");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(tcase, a_service_is_a_unit);
	tcase_add_test(tcase, a_session_is_a_unit);
	tcase_add_test(tcase, the_innermost_unit_counts);
	tcase_add_test(tcase, engines_put_the_container_into_the_path);
	tcase_add_test(tcase, containers_may_have_names);
	tcase_add_test(tcase, a_unit_inside_of_a_container_is_told_with_it);
	tcase_add_test(tcase, beside_version_1_the_hierarchy_of_systemd_counts);
	tcase_add_test(tcase, what_is_no_unit_and_no_container_is_nothing);
	tcase_add_test(tcase, a_text_that_is_cut_or_makes_no_sense_does_no_harm);
	tcase_add_test(tcase, a_name_that_is_too_long_is_left_out);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
