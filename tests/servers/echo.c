/*
 * echo PORT [ADDRESS [reuseport]]
 *
 * Sends each datagram back: for ./dev bench. With "reuseport" it asks for SO_REUSEPORT
 * itself, so that several share a port by the kernel's own hash.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), yes = 1;
	char data[65536];

	if (argc < 2 || inet_pton(AF_INET, argc > 2 ? argv[2] : "127.0.0.1", &a.sin_addr) != 1)
		return 2;
	a.sin_port = htons((unsigned short)strtol(argv[1], NULL, 10));
	if (argc > 3 && strcmp(argv[3], "reuseport") == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)) < 0)
		return 1;
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		perror("bind");
		return 1;
	}
	(void)printf("pid %d listens on port %s\n", (int)getpid(), argv[1]);
	(void)fflush(stdout);
	for (;;) {
		struct sockaddr_in from;
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &size);

		if (n >= 0)
			(void)sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&from, size);
	}
}
