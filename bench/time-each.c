// time-each WORDS…: runs commands and prints for each how many milliseconds it took, from before it is made until it has been
// waited for. Commands end at a word ";"; those with a word "&" between them run at once and are timed together.
// The command `reap` waits, untimed, for all processes that others have left behind, which become children of this one;
// the command `stay` waits for good, with whatever there is then. Stdout of the commands is thrown away.
// It is a program of its own since it forks in a tenth of the time that a JavaScript program needs.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST_AT_ONCE 1000
extern char **environ;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static int is(const char *word, const char *other) { return word != NULL && strcmp(word, other) == 0; }

/** The words of a group, each command's ended by NULL. Returns 0, or prints what went wrong. */
static int run(char **words, int count, const posix_spawn_file_actions_t *actions) {
  pid_t pids[MOST_AT_ONCE];
  int running = 0;
  double begin = now();
  for (int at = 0; at < count; at++) {
    char **command = words + at;
    while (words[at] != NULL) at++;
    if (running == MOST_AT_ONCE) return fprintf(stderr, "too many commands at once\n"), 1;
    int failed = posix_spawnp(&pids[running++], command[0], actions, NULL, command, environ);
    if (failed != 0) return fprintf(stderr, "%s: %s\n", command[0], strerror(failed)), 1;
  }
  int status, bad = 0;
  for (int index = 0; index < running; index++)
    if (waitpid(pids[index], &status, 0) < 0 || status != 0) bad = 1;
  double end = now();
  if (bad) return fprintf(stderr, "%s %s: it failed\n", words[0], words[1] == NULL ? "" : words[1]), 1;
  printf("%.3f\n", end - begin);
  return 0;
}

int main(int argc, char **argv) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  for (int begin = 1; begin < argc;) {
    int end = begin;
    while (end < argc && !is(argv[end], ";")) {
      if (is(argv[end], "&")) argv[end] = NULL;
      end++;
    }
    argv[end] = NULL;
    if (is(argv[begin], "reap")) {
      while (wait(NULL) > 0 || errno == EINTR) continue;
    } else if (is(argv[begin], "stay")) {
      fflush(stdout);
      for (;;) pause();
    } else if (run(argv + begin, end - begin + 1, &actions) != 0) {
      return 1;
    }
    begin = end + 1;
  }
  return 0;
}
