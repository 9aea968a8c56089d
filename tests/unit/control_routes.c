/*
 * The table of routes, and the document that describes it.
 */
#include <string.h>

#include "control/routes.h"
#include "run_suite.h"

#define ALL_RIGHTS (ROUTES_READ | ROUTES_CHANGE)

START_TEST(a_route_is_found_by_method_and_path)
{
	const struct route *route = NULL;

	ck_assert_int_eq(routes_find("GET", "/v1/app", ALL_RIGHTS, &route), ROUTES_FOUND);
	ck_assert_ptr_eq(route->give, answers_document);
	ck_assert_int_eq(route->document, CONTROL_APP);
	ck_assert_int_eq(routes_find("POST", "/v1/upgrade", ALL_RIGHTS, &route), ROUTES_FOUND);
	ck_assert_ptr_eq(route->give, answers_upgrade);
	ck_assert_int_eq(routes_find("GET", "/v1/upgrade", ALL_RIGHTS, &route), ROUTES_FOUND);
	ck_assert_ptr_eq(route->give, answers_document);
	ck_assert_int_eq(route->document, CONTROL_UPGRADE);
	ck_assert_str_eq(routes_id(route, "/v1/upgrade"), "");
}
END_TEST

START_TEST(where_a_path_has_a_word_of_its_own_that_is_found)
{
	static const char *const others[] = { "/v1/operations/", "/v1/operations/a/b",
					      "/v1/operation/a" };
	static const char path[] = "/v1/operations/reload-3";
	const struct route *route = NULL;

	ck_assert_int_eq(routes_find("GET", path, ROUTES_READ, &route), ROUTES_FOUND);
	ck_assert_ptr_eq(route->give, answers_operation);
	ck_assert_str_eq(routes_id(route, path), "reload-3");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ck_assert_int_eq(routes_find("GET", others[i], ROUTES_READ, &route),
				 ROUTES_NO_PATH);
}
END_TEST

START_TEST(whatever_is_not_in_the_table_is_not_found)
{
	static const char *const paths[] = { "", "/", "/v1/app/", "/v1/ap", "/V1/app", "v1/app" };
	const struct route *route = NULL;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		ck_assert_int_eq(routes_find("GET", paths[i], ALL_RIGHTS, &route), ROUTES_NO_PATH);
	ck_assert_int_eq(routes_find("get", "/v1/app", ALL_RIGHTS, &route), ROUTES_NO_METHOD);
	ck_assert_int_eq(routes_find("PUT", "/v1/app", ALL_RIGHTS, &route), ROUTES_NO_METHOD);
	ck_assert_ptr_null(route);
}
END_TEST

START_TEST(who_may_only_read_changes_nothing)
{
	const struct route *all, *route = NULL;
	size_t n;

	all = routes_all(&n);
	for (size_t i = 0; i < n; i++) {
		bool is_reading = strcmp(all[i].method, "GET") == 0;

		ck_assert_int_eq(routes_find(all[i].method, all[i].path, ROUTES_READ, &route),
				 is_reading ? ROUTES_FOUND : ROUTES_FORBIDDEN);
		ck_assert_int_eq(routes_find(all[i].method, all[i].path, 0, &route),
				 ROUTES_FORBIDDEN);
	}
}
END_TEST

START_TEST(whatever_can_be_got_can_be_asked_for_its_header)
{
	const struct route *route = NULL;

	ck_assert_int_eq(routes_find("HEAD", "/v1/app", ROUTES_READ, &route), ROUTES_FOUND);
	ck_assert_str_eq(route->method, "GET");
	ck_assert_int_eq(routes_find("HEAD", "/v1/app/scale", ROUTES_READ, &route),
			 ROUTES_NO_METHOD);
}
END_TEST

START_TEST(the_methods_of_a_path_are_listed)
{
	char allow[ROUTES_ALLOW_MAX];

	ck_assert_str_eq(routes_allow("/v1/upgrade", allow), "HEAD, GET, POST");
	ck_assert_str_eq(routes_allow("/v1/app/scale", allow), "POST");
	ck_assert_str_eq(routes_allow("/", allow), "");
}
END_TEST

/* "GET" of "get" */
static void in_capitals(const char *method, char *ret_method, size_t size)
{
	(void)snprintf(ret_method, size, "%s", strcmp(method, "get") == 0 ? "GET" : "POST");
}

START_TEST(the_document_has_every_route_with_its_right_and_no_other)
{
	struct answer answer = answers_openapi(NULL);
	size_t n, n_told = 0;
	const char *path, *method;
	json_t *methods, *told;
	const struct route *all = routes_all(&n);

	json_object_foreach(json_object_get(answer.body, "paths"), path, methods)
	{
		json_object_foreach(methods, method, told)
		{
			const struct route *route = NULL;
			char name[8];

			in_capitals(method, name, sizeof(name));
			ck_assert_int_eq(routes_find(name, path, ALL_RIGHTS, &route), ROUTES_FOUND);
			ck_assert_str_eq(json_string_value(json_object_get(told, "x-right")),
					 route->right == ROUTES_READ ? "read" : "change");
			n_told++;
		}
	}
	ck_assert_ptr_nonnull(all);
	ck_assert_uint_eq(n_told, n);
	json_decref(answer.body);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_route_is_found_by_method_and_path,
		where_a_path_has_a_word_of_its_own_that_is_found,
		whatever_is_not_in_the_table_is_not_found,
		who_may_only_read_changes_nothing,
		whatever_can_be_got_can_be_asked_for_its_header,
		the_methods_of_a_path_are_listed,
		the_document_has_every_route_with_its_right_and_no_other,
	};

	return RUN_SUITE("control_routes", tests);
}
