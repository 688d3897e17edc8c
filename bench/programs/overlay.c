/* bench-overlay RUNTIME ROOTFS FOLDER ID: does what a launcher of containers does for each run. It makes a bundle
 * FOLDER/ID, with an overlay file system over ROOTFS and the configuration FOLDER/config.json, runs the container
 * there, and removes the bundle. */
#define _GNU_SOURCE
#include <errno.h>
#include <ftw.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

__attribute__((noreturn)) static void give_up(const char *what) {
  fprintf(stderr, "bench-overlay: %s: %s\n", what, strerror(errno));
  exit(125);
}

__attribute__((format(printf, 1, 2))) static char *text(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *result = NULL;
  if (vasprintf(&result, format, arguments) < 0) give_up("memory");
  va_end(arguments);
  return result;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place) {
  (void)status;
  (void)kind;
  (void)place;
  return remove(path);
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: bench-overlay RUNTIME ROOTFS FOLDER ID\n");
    return 125;
  }
  char *runtime = argv[1];
  char *id = argv[4];
  char *bundle = text("%s/%s", argv[3], id);
  char *upper = text("%s/upper", bundle);
  char *work = text("%s/work", bundle);
  char *root = text("%s/rootfs", bundle);
  char *configuration = text("%s/config.json", bundle);
  char *folders[] = {bundle, upper, work, root};
  for (unsigned i = 0; i < sizeof folders / sizeof *folders; i++) {
    if (mkdir(folders[i], 0700) != 0) give_up(folders[i]);
  }
  if (symlink("../config.json", configuration) != 0) give_up(configuration);
  char *options = text("lowerdir=%s,upperdir=%s,workdir=%s", argv[2], upper, work);
  if (mount("overlay", root, "overlay", 0, options) != 0) give_up("mounting an overlay");

  char *command[] = {runtime, "run", "--bundle", bundle, id, NULL};
  pid_t pid;
  int status = 0;
  errno = posix_spawn(&pid, runtime, NULL, NULL, command, environ);
  if (errno != 0) give_up(runtime);
  if (waitpid(pid, &status, 0) != pid) give_up("waitpid");

  if (umount2(root, MNT_DETACH) != 0) give_up("unmounting the overlay");
  /* Removes what the runtime and the file system left in the bundle: mount points, whiteouts, a work folder. */
  if (nftw(bundle, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0) give_up(bundle);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
