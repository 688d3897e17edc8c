/* launcher UNIKERNEL TEXT...: runs the unikernel once for each text, which is its input, and prints what it printed. */
#include <spry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How an action ended: by an outcome or by an error; the other is NULL. */
struct ending {
  spry_outcome *outcome;
  spry_error *error;
};

static int complain(const spry_error *error) {
  fprintf(stderr, "launcher: %s\n", spry_error_message(error));
  return 1;
}

/* Called on one of the pool's threads. */
static void keep(void *context, spry_outcome *outcome, spry_error *error) {
  *(struct ending *)context = (struct ending){outcome, error};
}

int main(int argc, char **argv) {
  if (argc < 3) return fputs("usage: launcher UNIKERNEL TEXT...\n", stderr), 2;
  const int count = argc - 2;
  spry_error *error;
  spry_image *image = spry_image_load(argv[1], &error);
  if (image == NULL) return complain(error);

  struct spry_machine_options machine = {.size = sizeof machine, .deadline_ns = 1000000000};
  struct spry_pool_options options = {.size = sizeof options, .machine = &machine, .workers = 2};
  spry_pool *pool = spry_pool_create(image, &options, &error);
  if (pool == NULL) return complain(error);

  struct ending *endings = calloc((size_t)count, sizeof *endings);
  for (int i = 0; endings != NULL && i < count; i++) {
    const char *text = argv[i + 2];
    if (spry_pool_submit(pool, text, strlen(text), keep, &endings[i], &error) != 0) return complain(error);
  }
  spry_pool_drain(pool);

  for (int i = 0; endings != NULL && i < count; i++) {
    if (endings[i].error != NULL) return complain(endings[i].error);
    size_t size;
    const char *output = spry_outcome_output(endings[i].outcome, &size);
    fwrite(output, 1, size, stdout);
    spry_outcome_free(endings[i].outcome);
  }
  free(endings);
  spry_pool_free(pool);
  spry_image_free(image);
  return 0;
}
