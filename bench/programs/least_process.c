#define _GNU_SOURCE
#include "least_process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "least_guest.h"

/* Linux 6.6: the program that is notified runs on the guest's processor, and afterwards the guest does. */
static const unsigned long kSetFlags = _IOW('!', 4, uint64_t);
static const uint64_t kSyncWakeUp = 1;

static int start(struct least_process *process, const char *guest, int memory) {
  posix_spawn_file_actions_t actions;
  char *arguments[] = {(char *)(uintptr_t) "bench-least-guest", NULL};
  char *environment[] = {NULL};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, memory, LEAST_GUEST_MEMORY);
  errno = posix_spawn(&process->pid, guest, &actions, NULL, arguments, environment);
  posix_spawn_file_actions_destroy(&actions);
  return errno == 0 ? 0 : -1;
}

static int receive(struct least_process *process) {
  struct seccomp_notif notification;
  memset(&notification, 0, sizeof notification);
  if (ioctl(process->listener, SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0) return -1;
  process->waiting = notification.id;
  return 0;
}

/* Takes the listener out of the guest's table as soon as it is there. */
static int take_listener(struct least_process *process) {
  while (process->memory->listener == -1) {
    if (waitpid(process->pid, NULL, WNOHANG) != 0) {
      process->pid = -1;
      errno = ECHILD;
      return -1;
    }
    sched_yield();
  }
  if (process->memory->listener < 0) {
    errno = -process->memory->listener;
    return -1;
  }
  int pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
  if (pidfd < 0) return -1;
  process->listener = (int)syscall(SYS_pidfd_getfd, pidfd, process->memory->listener, 0);
  close(pidfd);
  if (process->listener < 0) return -1;
  (void)ioctl(process->listener, kSetFlags, kSyncWakeUp);
  return 0;
}

int least_process_create(struct least_process *process, const char *guest) {
  memset(process, 0, sizeof *process);
  process->pid = process->listener = -1;
  process->memory = MAP_FAILED;
  /* A number above LEAST_GUEST_MEMORY: if it had that number, it would not stay open in the guest. */
  int created = memfd_create("bench-least-guest", MFD_CLOEXEC);
  int memory = created < 0 ? -1 : fcntl(created, F_DUPFD_CLOEXEC, LEAST_GUEST_MEMORY + 1);
  close(created);
  if (memory >= 0 && ftruncate(memory, sizeof *process->memory) == 0) {
    process->memory = mmap(NULL, sizeof *process->memory, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  }
  int failed = process->memory == MAP_FAILED;
  if (!failed) {
    process->memory->listener = -1;
    failed = start(process, guest, memory) != 0 || take_listener(process) != 0 || receive(process) != 0;
  }
  int error = errno;
  close(memory);
  if (failed) least_process_destroy(process);
  errno = error;
  return failed ? -1 : 0;
}

int least_process_answer(struct least_process *process) {
  struct seccomp_notif_resp answer = {.id = process->waiting};
  if (ioctl(process->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) != 0) return -1;
  return receive(process);
}

int least_process_begin(struct least_process *process) {
  static const char clean[LEAST_GUEST_PAGE];
  memcpy(process->memory->written, clean, sizeof clean);
  /* The signal ends the wait for an answer. */
  if (syscall(SYS_tgkill, process->pid, process->pid, SIGUSR1) != 0) return -1;
  return receive(process);
}

void least_process_destroy(struct least_process *process) {
  if (process->pid > 0) {
    kill(process->pid, SIGKILL);
    waitpid(process->pid, NULL, 0);
  }
  if (process->listener >= 0) close(process->listener);
  if (process->memory != MAP_FAILED) munmap(process->memory, sizeof *process->memory);
}
