#include <stdio.h>

int main(void) {
  puts("built on " __DATE__ " at " __TIME__);
  return 0;
}
