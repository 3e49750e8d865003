// healthcheck PORT: does something on this host answer HTTP requests with 200?
// For images without a shell, where `curl` is not to be had.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int fail(const char *what) {
  fprintf(stderr, "healthcheck: %s\n", what);
  return 1;
}

int main(int argc, char **argv) {
  char *end;
  long port = argc == 2 ? strtol(argv[1], &end, 10) : 0;
  if (argc != 2 || *end != '\0' || port < 1 || port > 65535) {
    fprintf(stderr, "usage: healthcheck PORT\n");
    return 2;
  }

  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct timeval limit = {.tv_sec = 5};
  struct sockaddr_in address = {
      .sin_family = AF_INET,
      .sin_port = htons((unsigned short)port),
      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
  };
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0)
    return fail("no socket");
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
    return fail("nothing listens");

  static const char request[] = "GET / HTTP/1.0\r\n\r\n";
  if (write(fd, request, sizeof request - 1) != (ssize_t)(sizeof request - 1))
    return fail("the request was not taken");

  // "HTTP/1.1 200": the first twelve bytes say all.
  char status[13] = {0};
  size_t have = 0;
  while (have < 12) {
    ssize_t n = read(fd, status + have, 12 - have);
    if (n <= 0)
      return fail("no answer");
    have += (size_t)n;
  }
  close(fd);
  return strcmp(status + 8, " 200") == 0 ? 0 : fail("the answer is not 200");
}
