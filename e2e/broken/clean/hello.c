#include <stdio.h>

int main(void) {
  puts("built some day: " __DATE__);
  return 0;
}
