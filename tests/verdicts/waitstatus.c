/* waitstatus SECONDS COMMAND [ARGUMENT...]: runs the command and writes to descriptor 3 how it ended: `exit N`, `signal
 * N`, or `timeout` if it had to be killed after SECONDS. A shell's $? cannot tell a monitor that died by signal 11 from
 * one that exited with 139. The command does not inherit descriptor 3; it has two sockets, connected to each other, as
 * descriptors 8 and 9: with them a guest with two interfaces has a network where there is no other. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kVerdict = 3, kSocket = 8, kOtherSocket = 9, kOwnFailure = 1 };

static void die(const char *what) {
  fprintf(stderr, "waitstatus: %s: %s\n", what, strerror(errno));
  exit(kOwnFailure);
}

int main(int argc, char **argv) {
  char *end = NULL;
  const long seconds = argc > 2 ? strtol(argv[1], &end, 10) : 0;
  if (seconds <= 0 || *end != '\0') {
    fputs("usage: waitstatus SECONDS COMMAND [ARGUMENT...]\n", stderr);
    return kOwnFailure;
  }
  if (fcntl(kVerdict, F_SETFD, FD_CLOEXEC) < 0) die("descriptor 3");

  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets) != 0) die("socketpair");

  /* SIGCHLD is blocked before the fork, so that a child that ends at once is not missed. */
  sigset_t child_ended;
  sigset_t before;
  sigemptyset(&child_ended);
  sigaddset(&child_ended, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child_ended, &before);

  const pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    /* A group of its own, so that a timeout ends whatever the command started. */
    setpgid(0, 0);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (dup2(sockets[0], kSocket) < 0 || dup2(sockets[1], kOtherSocket) < 0) die("dup2");
    execvp(argv[2], argv + 2);
    die(argv[2]);
  }

  struct timespec limit = {.tv_sec = seconds};
  int timed_out = 0;
  while (sigtimedwait(&child_ended, NULL, &limit) < 0) {
    if (errno == EINTR) continue;
    timed_out = 1;
    kill(child, SIGKILL);
    kill(-child, SIGKILL);
    break;
  }
  int status;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) die("waitpid");
  }

  if (timed_out) {
    dprintf(kVerdict, "timeout\n");
  } else if (WIFSIGNALED(status)) {
    dprintf(kVerdict, "signal %d\n", WTERMSIG(status));
  } else {
    dprintf(kVerdict, "exit %d\n", WEXITSTATUS(status));
  }
  return 0;
}
