// world-clock SECONDS ZONE…: what the clocks of these zones show, SECONDS after 1970 began. `now` is the time of this machine.
// Linked with the libc of the image, which looks the zones up in the files of tzdata.
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int show(time_t when, const char *zone) {
  // A zone that is not there would be shown as UTC, under the name that was asked for.
  char path[256];
  int length = snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", zone);
  if (length < 0 || (size_t)length >= sizeof path || access(path, R_OK) != 0) {
    fprintf(stderr, "world-clock: there is no zone %s\n", zone);
    return 1;
  }
  char text[64];
  struct tm local;
  if (setenv("TZ", zone, 1) != 0)
    return 1;
  tzset();
  if (localtime_r(&when, &local) == NULL || strftime(text, sizeof text, "%Y-%m-%d %H:%M %Z", &local) == 0)
    return 1;
  printf("%s  %s\n", text, zone);
  return 0;
}

int main(int argc, char **argv) {
  int is_now = argc > 1 && strcmp(argv[1], "now") == 0;
  char *end = NULL;
  long long when = argc > 1 && !is_now ? strtoll(argv[1], &end, 10) : (long long)time(NULL);
  if (argc < 3 || (!is_now && (end == argv[1] || *end != '\0'))) {
    fprintf(stderr, "usage: world-clock now|SECONDS ZONE...\n");
    return 2;
  }
  int status = 0;
  for (int i = 2; i < argc; i++)
    status |= show((time_t)when, argv[i]);
  return status;
}
