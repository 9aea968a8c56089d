/*
 * hello [PORT [ADDRESS]] - a plain HTTP server that answers with its process id
 *
 * It knows nothing of berth: one process, one thread, one listening socket of its own.
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
	int fd;
	size_t n_received;
	char request[4096];
};

static int listen_at(const char *address, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *found;
	int fd, yes = 1, error = getaddrinfo(address, port, &hints, &found);

	if (error) {
		fprintf(stderr, "hello: %s %s: %s\n", address, port, gai_strerror(error));
		exit(2);
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, 4096) < 0) {
		perror("hello: cannot listen");
		exit(1);
	}
	freeaddrinfo(found);
	return fd;
}

/* With port 0, the kernel chose the port: say which. */
static void announce(int listener)
{
	struct sockaddr_storage addr;
	socklen_t size = sizeof(addr);
	char port[16];

	getsockname(listener, (struct sockaddr *)&addr, &size);
	getnameinfo((struct sockaddr *)&addr, size, NULL, 0, port, sizeof(port), NI_NUMERICSERV);
	printf("pid %d listens on port %s\n", getpid(), port);
	fflush(stdout);
}

static void meet(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct client *client;

	if (fd < 0)
		return; /* the client went away before its turn */
	client = malloc(sizeof(*client));
	if (!client)
		exit(1);
	client->fd = fd;
	client->n_received = 0;
	event.data.ptr = client;
	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/* Returns whether the connection stays open. */
static int answer(struct client *client)
{
	/* HTTP/1.1 keeps the connection unless told otherwise, older clients don't. */
	int stays = strstr(client->request, " HTTP/1.1\r\n") &&
		    !strstr(client->request, "onnection: close");
	char body[64], response[256];
	int n_body = snprintf(body, sizeof(body), "hello from pid %d\n", getpid());
	int n = snprintf(response, sizeof(response),
			 "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
			 "Connection: %s\r\n\r\n%s",
			 n_body, stays ? "keep-alive" : "close", body);

	client->n_received = 0;
	return send(client->fd, response, (size_t)n, MSG_NOSIGNAL) == n && stays;
}

static void serve(struct client *client)
{
	size_t room = sizeof(client->request) - 1 - client->n_received;
	ssize_t n = recv(client->fd, client->request + client->n_received, room, 0);
	int stays = n > 0; /* else the client is done, or its request has no end */

	if (stays) {
		client->n_received += (size_t)n;
		client->request[client->n_received] = '\0';
		if (strstr(client->request, "\r\n\r\n"))
			stays = answer(client);
	}
	if (!stays) {
		close(client->fd);
		free(client);
	}
}

int main(int argc, char **argv)
{
	int listener = listen_at(argc > 2 ? argv[2] : "0.0.0.0", argc > 1 ? argv[1] : "8000");
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[64] = { { .events = EPOLLIN } };

	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, events);
	announce(listener);
	for (;;) {
		for (int i = 0, n = epoll_wait(epoll, events, 64, -1); i < n; i++) {
			if (events[i].data.ptr)
				serve(events[i].data.ptr);
			else
				meet(epoll, accept(listener, NULL, NULL));
		}
	}
}
