// peak-rss COMMAND…: runs COMMAND with its stdout thrown away and prints, in KiB, the peak resident memory of the largest
// single process of the run: ru_maxrss from wait4, which covers COMMAND and all that it has waited for.
// It must be started from something as small as this: execve hands the peak of the memory it replaces to the new program
// (setmax_mm_hiwater_rss in fs/exec.c), so a child of a JavaScript program never shows less than that program's size.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  pid_t pid = fork();
  if (pid < 0) {
    fprintf(stderr, "fork: %s\n", strerror(errno));
    return 1;
  }
  if (pid == 0) {
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, 1) < 0) _exit(126);
    execvp(argv[1], argv + 1);
    fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
    _exit(127);
  }
  int status;
  struct rusage usage;
  if (wait4(pid, &status, 0, &usage) < 0) {
    fprintf(stderr, "wait4: %s\n", strerror(errno));
    return 1;
  }
  printf("%ld\n", usage.ru_maxrss);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
