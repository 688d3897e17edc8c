/* Spry for launchers in C, and in whatever calls C: actions in machines of their own.
 *
 * docs/embedding.md is the guide. The C++ headers (spry/image.h, machine.h, platform.h, shell.h, snapshot.h, pool.h)
 * describe the counterpart of each call in more detail, with its errors.
 *
 * Objects are opaque and belong to the caller: each spry_X that a call returns is freed by spry_X_free, which takes
 * NULL too. Objects may be freed in any order; the outcomes and errors of a pool stay valid when the pool is freed. A
 * string that a call returns belongs to the object that the call was given, and lives as long as that. Strings and
 * bytes that a call is given are borrowed until it returns, unless its comment says otherwise.
 *
 * Errors: a call that can fail has a last parameter `error`. If it fails, it returns NULL or -1 and stores an error
 * there that the caller frees; else it stores NULL. The parameter may be NULL. What a guest does is never an error, but
 * an outcome.
 *
 * Threads: any thread may make any call. Several threads may use one spry_image, spry_snapshot or spry_pool at once,
 * but not during or after its spry_X_free. Any other object is used by one thread at a time, except that
 * spry_machine_interrupt may be called at any time.
 *
 * Structures begin with their size, so that later versions can add members at the end: a program that was compiled with
 * an older header keeps working. In options, zero means the default:
 *
 *   struct spry_machine_options options = {.size = sizeof options, .deadline_ns = 100000000};
 */
#ifndef SPRY_H
#define SPRY_H

#include <stddef.h>
#include <stdint.h>

#include "spry/api.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct spry_error spry_error;
typedef struct spry_image spry_image;
typedef struct spry_shell spry_shell;
typedef struct spry_machine spry_machine;
typedef struct spry_snapshot spry_snapshot;
typedef struct spry_pool spry_pool;
typedef struct spry_outcome spry_outcome;
typedef struct spry_guest spry_guest;

/* The version of the library, as "0.1.0". */
SPRY_API const char *spry_version(void);

/* Errors ----------------------------------------------------------------------------------------------------------- */

/* What kind of failure it was, for a program that does something about it. Later versions may know more. */
enum spry_code {
  SPRY_NOT_FOUND = 1,        /* no such file */
  SPRY_NOT_UNIKERNEL = 2,    /* the file is not a unikernel or snapshot that can run here */
  SPRY_MONITOR = 3,          /* the monitor or the kernel failed in a way that none of the others names */
  SPRY_INVALID_ARGUMENT = 4, /* an option, a device or an argument breaks a rule: correct the program */
  SPRY_UNAVAILABLE = 5,      /* this host, or this library, has no such platform: take another platform or host */
  SPRY_PERMISSION = 6,       /* the system does not permit it: /dev/kvm, a file */
  SPRY_RESOURCES = 7,        /* no memory, descriptors, processes, threads or room for files left: try again later */
  SPRY_CLOSED = 8,           /* the pool is closed, or the machine has failed or run its one action: make a new one */
  SPRY_TOO_LARGE = 9,        /* the input is longer than max_input */
  SPRY_FILE = 10,            /* a file, disk or interface is there and cannot be used: locked, truncated, unreadable */
  SPRY_CANCELLED = 11,       /* the action was cancelled before it began */
  SPRY_BUSY = 12             /* a callback of a pool would wait for its own pool: call from elsewhere */
};

/* Makes an error for the `call` of a spry_attachment to store; `message` is copied. Never returns NULL. */
SPRY_API spry_error *spry_error_create(enum spry_code code, const char *message);

SPRY_API enum spry_code spry_error_code(const spry_error *error);

/* One sentence that names the file, the value and the rule, without a trailing full stop or line feed. */
SPRY_API const char *spry_error_message(const spry_error *error);

SPRY_API void spry_error_free(spry_error *error);

/* Images ----------------------------------------------------------------------------------------------------------- */

/* Reads and validates the unikernel at `path`. An image never changes. Any number of machines and pools may run it, and
 * it may be freed while they do. */
SPRY_API spry_image *spry_image_load(const char *path, spry_error **error);

/* Reads a unikernel from memory, which is copied. `name` stands for the unikernel in sentences and is its path; NULL:
 * "image". */
SPRY_API spry_image *spry_image_from_bytes(const void *bytes, size_t size, const char *name, spry_error **error);

SPRY_API const char *spry_image_path(const spry_image *image);

/* The devices that the image's manifest names: how many, and kind ("console", "block", "net") and name of each. NULL if
 * there is none of that index. */
SPRY_API size_t spry_image_device_count(const spry_image *image);
SPRY_API const char *spry_image_device_kind(const spry_image *image, size_t index);
SPRY_API const char *spry_image_device_name(const spry_image *image, size_t index);

SPRY_API void spry_image_free(spry_image *image);

/* Platforms -------------------------------------------------------------------------------------------------------- */

/* What runs a guest's instructions. docs/security.md says what each promises. */
enum spry_platform {
  SPRY_PLATFORM_AUTOMATIC = 0, /* what SPRY_PLATFORM in the environment names; else kvm, or process where the machine
                                * has no KVM at all */
  SPRY_PLATFORM_KVM = 1,       /* a virtual machine */
  SPRY_PLATFORM_PROCESS = 2    /* a Linux process that has no system call left */
};

/* "automatic", "kvm", "process". Never freed. */
SPRY_API const char *spry_platform_name(enum spry_platform platform);

/* Devices of your own ---------------------------------------------------------------------------------------------- */

/* What a guest asks of a device: SPRY_CALL_DEVICE of spry/abi.h. */
struct spry_device_call {
  uint64_t operation;
  uint64_t a;
  uint64_t b;
  uint64_t c;
};

/* A device whose calls the program serves. If several machines run, as in a pool, several threads may call the
 * functions at once. The functions must not use the machine, and must not throw; those of a pool's devices run inside
 * the pool (see "Pools"). The structure, with all that it points to, is borrowed as long as the machine or pool lives.
 * */
struct spry_attachment {
  size_t size; /* sizeof(struct spry_attachment) */

  /* As the manifest names it: SPRY_DEVICE(name, "kind", "name") in the guest. */
  const char *kind;
  const char *name;

  void *context; /* for the functions */

  /* Serves one call. Returns what the guest gets: a count, or a negated error number of spry/abi.h (-SPRY_EINVAL). To
   * make the run fail instead, the function stores an error of spry_error_create in `*error`: the run gives that error,
   * and its machine is not usable any more. `guest` is valid during the call alone. */
  int64_t (*call)(void *context, spry_guest *guest, const struct spry_device_call *call, spry_error **error);

  /* Called before each action: the device must forget all earlier actions. If the action begins after `ready`, the
   * calls that the guest made before `ready` belong to an earlier action, and are not repeated. NULL: nothing to do. */
  void (*begin)(void *context);
};

/* Copies `size` bytes from or to the guest's `address`. Returns 0, or -1 if the guest itself may not read or write all
 * of them: then answer the guest with -SPRY_EFAULT. */
SPRY_API int spry_guest_read(spry_guest *guest, uint64_t address, void *to, size_t size);
SPRY_API int spry_guest_write(spry_guest *guest, uint64_t address, const void *from, size_t size);

/* Waits until `events` (poll(2)) are there on `descriptor`, and returns 1. Returns 0 if the action is to end, because
 * its deadline passed or it was interrupted: then return from the device's call at once. */
SPRY_API int spry_guest_wait(spry_guest *guest, int descriptor, short events);

/* Options of machines ---------------------------------------------------------------------------------------------- */

/* Flags of spry_machine_options. */
#define SPRY_REUSABLE 1u       /* run any number of actions, with a reset before each but the first */
#define SPRY_VERIFY 2u         /* prove each reset, which takes milliseconds; needs SPRY_REUSABLE */
#define SPRY_MEASURE_MEMORY 4u /* fill spry_receipt.memory_touched */
#define SPRY_CONSOLE 8u        /* write to output_descriptor and diagnostics_descriptor instead of keeping the output */

/* NULL instead of a pointer to options means all defaults. */
struct spry_machine_options {
  size_t size; /* sizeof(struct spry_machine_options) */

  /* Bytes of guest memory, a multiple of 4096; 0: 16 MiB, or what the manifest asks for, if that is more. */
  uint64_t memory;

  /* Nanoseconds that each action may take, from its beginning; 0: no deadline. */
  uint64_t deadline_ns;

  /* Bytes of the longest input; 0: 1 MiB. */
  uint64_t max_input;

  /* The guest's argv, the same for all actions: strings, and a NULL after the last; NULL: none. */
  const char *const *arguments;

  /* Disks and network interfaces, as `spry run` takes them: strings "NAME=SPECIFICATION", and a NULL after the last.
   * A comma of a name in a SPECIFICATION is written twice. With `devices`, exactly the devices that the manifest names,
   * but for the console; NULL: none. */
  const char *const *block;
  const char *const *net;

  /* Bytes of output and diagnostics together that are kept for an outcome; an action that prints more ends
   * (SPRY_TOO_MUCH_OUTPUT). 0: 64 MiB. */
  uint64_t max_output;

  /* With SPRY_CONSOLE: where output and diagnostics go. Borrowed as long as the machine or pool lives. */
  int output_descriptor;
  int diagnostics_descriptor;

  /* The signal that ends an action at its deadline. It is blocked in the thread that runs the action, and never
   * delivered to a handler. 0: SIGRTMIN. The platform process needs no signal. */
  int deadline_signal;

  unsigned flags; /* SPRY_REUSABLE and others */

  /* What runs the guest. Unless this is SPRY_PLATFORM_AUTOMATIC, no other platform takes its place. A shell that is
   * given must be of this platform. */
  enum spry_platform platform;

  /* Devices of your own: pointers, and a NULL after the last; NULL: none. */
  const struct spry_attachment *const *devices;
};

/* What belongs to one action alone. NULL instead of a pointer to it means all defaults. The guest's argv is not here,
 * because all actions of a machine begin with the same one. */
struct spry_action_options {
  size_t size; /* sizeof(struct spry_action_options) */

  /* Nanoseconds that this action may take, in place of the machine's deadline. 0: the machine's deadline. */
  uint64_t deadline_ns;
};

/* Outcomes --------------------------------------------------------------------------------------------------------- */

enum spry_reason {
  SPRY_EXIT = 0,            /* the guest called exit, or ready a second time */
  SPRY_ABORT = 1,           /* the guest called abort */
  SPRY_FAULT = 2,           /* the guest did what it may not */
  SPRY_DEADLINE = 3,        /* the deadline passed */
  SPRY_INTERRUPTED = 4,     /* spry_machine_interrupt was called */
  SPRY_TOO_MUCH_OUTPUT = 5, /* the guest printed more than max_output: the outcome has the beginning */
  SPRY_CPU_LIMIT = 6        /* its process used up its processor time (RLIMIT_CPU); on SPRY_PLATFORM_PROCESS only */
};

SPRY_API enum spry_reason spry_outcome_reason(const spry_outcome *outcome);

/* "exit", "abort", "fault", "deadline", "interrupted", "output", "cpu". Never freed. */
SPRY_API const char *spry_reason_name(enum spry_reason reason);

/* The guest's exit status, all 32 bits, if the reason is SPRY_EXIT; else 0. */
SPRY_API int spry_outcome_status(const spry_outcome *outcome);

/* What the guest printed on stream 1 and on stream 2: `*size` bytes, which may hold zeros, and a zero after them.
 * `size` may be NULL. */
SPRY_API const char *spry_outcome_output(const spry_outcome *outcome, size_t *size);
SPRY_API const char *spry_outcome_diagnostics(const spry_outcome *outcome, size_t *size);

/* spry_outcome_message: the guest's message if it aborted; a sentence if it faulted, printed too much or used up its
 * processor time; else "". spry_outcome_crash: registers and backtrace, several lines, after an abort or a fault;
 * else "". */
SPRY_API const char *spry_outcome_message(const spry_outcome *outcome);
SPRY_API const char *spry_outcome_crash(const spry_outcome *outcome);

/* What the guest did when it crashed. */
enum spry_fault {
  SPRY_FAULT_NONE = 0,           /* no fault: the guest called abort */
  SPRY_FAULT_READ = 1,           /* a read of memory that the guest may not read */
  SPRY_FAULT_WRITE = 2,          /* a write to memory that the guest may not write */
  SPRY_FAULT_EXECUTE = 3,        /* a jump to memory that is not code */
  SPRY_FAULT_STACK_OVERFLOW = 4, /* an access below the stack */
  SPRY_FAULT_INSTRUCTION = 5,    /* an instruction that is privileged, does not exist, or is for I/O */
  SPRY_FAULT_ARITHMETIC = 6,     /* a division or a floating-point operation without a result */
  SPRY_FAULT_OTHER = 7           /* another fault, which spry_outcome_message describes */
};

/* "none", "read", "write", "execute", "stack overflow", "instruction", "arithmetic", "other". Never freed. */
SPRY_API const char *spry_fault_name(enum spry_fault kind);

/* A guest's crash as data; spry_outcome_message and spry_outcome_crash say the same in words. */
struct spry_crash {
  size_t size;          /* sizeof(struct spry_crash), set by the caller */
  enum spry_fault kind; /* what the guest did */
  unsigned has_address; /* 1 if `address` is that of an access: for the kinds READ to STACK_OVERFLOW */
  uint64_t address;
  uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp;
  uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
  uint64_t rip, rflags; /* rip: of the instruction that faulted, or behind the call of abort */
  uint64_t frames;      /* for spry_outcome_frame */
};

/* Fills as many members of `*crash` as its size says, and returns 1. Returns 0, and stores nothing, if the guest
 * neither aborted nor faulted. */
SPRY_API int spry_outcome_crash_data(const spry_outcome *outcome, struct spry_crash *crash);

/* The function of a frame, with an offset ("handle(int)+0x1c"), or "" if it is not known; NULL if there is no frame of
 * that index. Frame 0 is that of the instruction, and those of its callers follow. `*address` becomes the frame's
 * address; `address` may be NULL. */
SPRY_API const char *spry_outcome_frame(const spry_outcome *outcome, size_t index, uint64_t *address);

/* What an action cost. */
struct spry_receipt {
  size_t size;              /* sizeof(struct spry_receipt), set by the caller */
  uint64_t exits;           /* how often the guest left to the monitor */
  uint64_t bytes_in;        /* input and device input */
  uint64_t bytes_out;       /* output, diagnostics and device output */
  uint64_t memory_reserved; /* bytes of guest memory */
  uint64_t memory_touched;  /* bytes resident at the end, with SPRY_MEASURE_MEMORY; else 0 */
  uint64_t create_ns;       /* to create the machine */
  uint64_t reset_ns;        /* the reset before this action, or 0 */
  uint64_t run_ns;          /* to run it, without the reset */

  enum spry_platform platform; /* that ran it; never SPRY_PLATFORM_AUTOMATIC */
};

/* Fills as many members of `*receipt` as its size says. */
SPRY_API void spry_outcome_receipt(const spry_outcome *outcome, struct spry_receipt *receipt);

SPRY_API void spry_outcome_free(spry_outcome *outcome);

/* Shells ----------------------------------------------------------------------------------------------------------- */

/* Makes a shell: a guest's CPU that has no image yet, which is a VM with its vCPU or a process. Making one is most of a
 * cold start, and can be done before it is known what is to run. A shell is used only by the thread that created it.
 * spry_shell_create is spry_shell_create_on with SPRY_PLATFORM_AUTOMATIC. */
SPRY_API spry_shell *spry_shell_create(spry_error **error);
SPRY_API spry_shell *spry_shell_create_on(enum spry_platform platform, spry_error **error);

/* Never SPRY_PLATFORM_AUTOMATIC. */
SPRY_API enum spry_platform spry_shell_platform(const spry_shell *shell);

SPRY_API void spry_shell_free(spry_shell *shell);

/* Machines --------------------------------------------------------------------------------------------------------- */

/* Builds a machine for an image, or one whose actions begin where the snapshot was taken. With a snapshot, `memory`,
 * and the arguments after the first, must be absent or equal to the snapshot's. `shell` may be NULL. The call takes the
 * shell even if it fails: do not use or free it any more. */
SPRY_API spry_machine *spry_machine_create(spry_shell *shell, const spry_image *image,
                                           const struct spry_machine_options *options, spry_error **error);
SPRY_API spry_machine *spry_machine_restore(spry_shell *shell, const spry_snapshot *snapshot,
                                            const struct spry_machine_options *options, spry_error **error);

/* Runs one action to its end, with `size` bytes at `input` (which may be NULL if size is 0), or with the first `size`
 * bytes of a regular file or memfd. A machine runs a second action only with SPRY_REUSABLE. */
SPRY_API spry_outcome *spry_machine_run(spry_machine *machine, const void *input, size_t size, spry_error **error);
SPRY_API spry_outcome *spry_machine_run_file(spry_machine *machine, int descriptor, uint64_t size, spry_error **error);

/* spry_machine_run with options for this action. */
SPRY_API spry_outcome *spry_machine_run_with(spry_machine *machine, const void *input, size_t size,
                                             const struct spry_action_options *action, spry_error **error);

/* Does now the reset that the next run would begin with. Returns 0, or -1 and an error, after which the machine is not
 * usable. */
SPRY_API int spry_machine_reset(spry_machine *machine, spry_error **error);

/* 0 if the machine can only be freed: after an error of a device, of the platform or of a reset. Else 1. */
SPRY_API int spry_machine_usable(const spry_machine *machine);

/* Makes the current run end with SPRY_INTERRUPTED, or the next one if none is under way. May be called on any thread
 * and in a signal handler. A running guest or a wait ends only if a signal also arrives at the running thread. */
SPRY_API void spry_machine_interrupt(spry_machine *machine);

/* From now on `signal` also interrupts the machine while the calling thread runs it, whichever thread the signal
 * arrives at. The process's handler of the signal is called as before; a signal without a handler stays as it is. The
 * caller must end this with `signal` 0 before the machine is freed. Only one machine of a process can have this at a
 * time. Meant for SIGINT in programs whose handler only notes the signal, as Python's does. Returns 0, or -1 and an
 * error. */
SPRY_API int spry_machine_interrupt_on(spry_machine *machine, int signal, spry_error **error);

/* The state at the guest's first `ready`, after the first action. NULL without an error if the guest did not call
 * `ready`, or if the machine is not reusable. */
SPRY_API spry_snapshot *spry_machine_snapshot(const spry_machine *machine, spry_error **error);

/* Does what spry_snapshot_take does, on a machine that the caller can interrupt: runs it without an input until it
 * calls `ready`. Only with SPRY_REUSABLE, and before the machine's first action. If the guest ends before it calls
 * `ready`, `*ended` becomes its outcome, for spry_outcome_free; else `*ended` becomes NULL. `ended` may be NULL. */
SPRY_API spry_snapshot *spry_machine_run_until_ready(spry_machine *machine, spry_outcome **ended, spry_error **error);

/* Takes the machine apart and gives back its shell, with nothing of the image left in it. The machine is freed even if
 * the call fails. */
SPRY_API spry_shell *spry_machine_release(spry_machine *machine, spry_error **error);

SPRY_API void spry_machine_free(spry_machine *machine);

/* Snapshots -------------------------------------------------------------------------------------------------------- */

/* Runs the image without an input until it calls `ready`. SPRY_NOT_UNIKERNEL if it ends or passes the deadline before
 * that. */
SPRY_API spry_snapshot *spry_snapshot_take(const spry_image *image, const struct spry_machine_options *options,
                                           spry_error **error);

/* Opens a file that spry_snapshot_save made; with `verify` other than 0 the digest of all its contents is checked too.
 * Replace such a file by renaming another one over it, never by writing to it. */
SPRY_API spry_snapshot *spry_snapshot_load(const char *path, int verify, spry_error **error);

/* Writes the snapshot to a new file, which gets the name `path` when it is complete. A regular file of that name is
 * replaced; a symbolic link is followed; a FIFO, which must have a reader, and a character device are written to.
 * Returns 0, or -1 and an error. */
SPRY_API int spry_snapshot_save(const spry_snapshot *snapshot, const char *path, spry_error **error);

/* 1 if the file begins as a snapshot does; 0 if not, or if it cannot be read. */
SPRY_API int spry_snapshot_recognise(const char *path);

/* The path of the image, or of the file that it was loaded from. */
SPRY_API const char *spry_snapshot_path(const spry_snapshot *snapshot);

/* Bytes of guest memory, and the guest's argv: NULL if there is none of that index. */
SPRY_API uint64_t spry_snapshot_memory(const spry_snapshot *snapshot);
SPRY_API const char *spry_snapshot_argument(const spry_snapshot *snapshot, size_t index);

/* Bytes of memory that are not zero, in whole pages. */
SPRY_API uint64_t spry_snapshot_contents_size(const spry_snapshot *snapshot);

SPRY_API void spry_snapshot_free(spry_snapshot *snapshot);

/* Pools --------------------------------------------------------------------------------------------------------------
 *
 * Callbacks: a thread is inside a pool if it is one of the pool's own, or while spry_pool_stop, spry_pool_close or
 * spry_pool_free calls a callback on it. So a spry_callback and the functions of a spry_attachment run inside the pool.
 * Inside a pool no call waits for that pool: spry_pool_run and spry_pool_drain fail (SPRY_BUSY), spry_pool_submit and
 * its variants fail (SPRY_BUSY) if the queue is full, spry_pool_close does what spry_pool_stop does, spry_pool_free
 * returns at once, and all other calls do what they do elsewhere. Another pool may be used without such limits, unless
 * it waits for this one. */

/* NULL instead of a pointer to options means all defaults. */
struct spry_pool_options {
  size_t size; /* sizeof(struct spry_pool_options) */

  /* How each machine is made; NULL: all defaults. SPRY_REUSABLE is implied. */
  const struct spry_machine_options *machine;

  /* Threads, each with a machine of its own; 0: one for each CPU that this process may run on, or fewer under a quota
   * of its control groups. */
  unsigned workers;

  /* Actions that wait at most; 0: 1024. */
  size_t queue;

  /* Bytes of inputs that wait at most; a single input may wait however long it is. 0: 256 MiB. */
  uint64_t queue_bytes;

  /* Bytes of outcomes that wait for spry_pool_take: while more wait, no worker begins another action. 0: 256 MiB. */
  uint64_t completion_bytes;
};

/* Starts the workers. The image is initialised once, in the pool's first action; a snapshot is initialised already. The
 * process's signal handlers stay as they are, and the pool's threads block all signals. */
SPRY_API spry_pool *spry_pool_create(const spry_image *image, const struct spry_pool_options *options,
                                     spry_error **error);
SPRY_API spry_pool *spry_pool_restore(const spry_snapshot *snapshot, const struct spry_pool_options *options,
                                      spry_error **error);

/* Runs an action and waits for its outcome. Fails inside the pool. */
SPRY_API spry_outcome *spry_pool_run(spry_pool *pool, const void *input, size_t size, spry_error **error);

/* Told how a submitted action ended: by an outcome or by an error, which the callback frees; the other is NULL. Called
 * once, on a worker's thread, or within the call that cancels the action. It should be short, and must not throw. */
typedef void spry_callback(void *context, spry_outcome *outcome, spry_error *error);

/* Takes an action, with a copy of its input. spry_pool_submit waits while the queue is full, and returns 0, or -1 and
 * an error. spry_pool_try_submit does not wait, and returns 1 if it took the action, 0 if the queue is full, or -1 and
 * an error. `done` is called only for an action that was taken. */
SPRY_API int spry_pool_submit(spry_pool *pool, const void *input, size_t size, spry_callback *done, void *context,
                              spry_error **error);
SPRY_API int spry_pool_try_submit(spry_pool *pool, const void *input, size_t size, spry_callback *done, void *context,
                                  spry_error **error);

/* For event loops. spry_pool_submit_ticket and spry_pool_try_submit_ticket are spry_pool_submit and
 * spry_pool_try_submit for an action that is known by a number of the caller's, the ticket. spry_pool_descriptor
 * returns a descriptor, the pool's own, that is readable while spry_pool_take has something to fetch. spry_pool_take
 * fetches the end of the action that ended first, and returns 1: it stores the ticket, and either an outcome or an
 * error, which the caller frees; the other becomes NULL. If no action has ended, it returns 0 and stores nothing. None
 * of its parameters may be NULL. */
SPRY_API int spry_pool_submit_ticket(spry_pool *pool, const void *input, size_t size, uint64_t ticket,
                                     spry_error **error);
SPRY_API int spry_pool_try_submit_ticket(spry_pool *pool, const void *input, size_t size, uint64_t ticket,
                                         spry_error **error);
SPRY_API int spry_pool_descriptor(const spry_pool *pool);
SPRY_API int spry_pool_take(spry_pool *pool, uint64_t *ticket, spry_outcome **outcome, spry_error **error);

/* The same five with options for the action. */
SPRY_API spry_outcome *spry_pool_run_with(spry_pool *pool, const void *input, size_t size,
                                          const struct spry_action_options *action, spry_error **error);
SPRY_API int spry_pool_submit_with(spry_pool *pool, const void *input, size_t size,
                                   const struct spry_action_options *action, spry_callback *done, void *context,
                                   spry_error **error);
SPRY_API int spry_pool_try_submit_with(spry_pool *pool, const void *input, size_t size,
                                       const struct spry_action_options *action, spry_callback *done, void *context,
                                       spry_error **error);
SPRY_API int spry_pool_submit_ticket_with(spry_pool *pool, const void *input, size_t size,
                                          const struct spry_action_options *action, uint64_t ticket,
                                          spry_error **error);
SPRY_API int spry_pool_try_submit_ticket_with(spry_pool *pool, const void *input, size_t size,
                                              const struct spry_action_options *action, uint64_t ticket,
                                              spry_error **error);

/* Takes back the oldest action of that ticket that still waits, and returns 1: spry_pool_take gives an error of
 * SPRY_CANCELLED for the action at once. Returns 0 if none waits, because the action runs or has ended. */
SPRY_API int spry_pool_cancel(spry_pool *pool, uint64_t ticket);

/* Waits until no action waits or runs, and returns 0. Inside the pool it returns -1 at once. */
SPRY_API int spry_pool_drain(spry_pool *pool);

/* What spry_pool_stop and spry_pool_close do with actions that wait; those that run are always finished. */
enum spry_close {
  SPRY_FINISH = 0, /* run them */
  SPRY_CANCEL = 1  /* end them with an error */
};

/* Takes no more actions, and runs or cancels those that wait; does not wait for those that run. */
SPRY_API void spry_pool_stop(spry_pool *pool, enum spry_close how);

/* Does what spry_pool_stop does, and returns when all workers and machines are gone; inside the pool it returns at
 * once. Outcomes that wait for spry_pool_take stay. */
SPRY_API void spry_pool_close(spry_pool *pool, enum spry_close how);

/* 1 if the calling thread is inside the pool, else 0. */
SPRY_API int spry_pool_inside(const spry_pool *pool);

SPRY_API unsigned spry_pool_workers(const spry_pool *pool);

/* Durations in nanoseconds, quantiles known to 1 in 32. */
struct spry_durations {
  uint64_t count;
  uint64_t p50_ns;
  uint64_t p99_ns;
  uint64_t p999_ns;
  uint64_t largest_ns;
};

/* submitted = completed + failed + cancelled + those that wait or run. */
struct spry_statistics {
  size_t size;                   /* sizeof(struct spry_statistics), set by the caller */
  uint64_t submitted;            /* actions taken */
  uint64_t completed;            /* with an outcome; the reasons, too_much_output and cpu_limit too, sum up to it */
  uint64_t reasons[5];           /* by enum spry_reason, up to SPRY_INTERRUPTED */
  uint64_t failed;               /* with an error */
  uint64_t cancelled;            /* by spry_pool_cancel or spry_pool_close */
  uint64_t waiting;              /* in the queue now */
  uint64_t resets;               /* after an action that exited */
  uint64_t resets_after_failure; /* after one that ended in any other way */
  uint64_t rebuilds;             /* of machines that could not be reset */
  uint64_t machines;             /* made so far, rebuilds included */
  struct spry_durations queue;   /* from submission to the beginning */
  struct spry_durations service; /* from the beginning to the outcome */
  struct spry_durations reset;   /* what follows before the worker takes its next action */
  struct spry_durations total;   /* from submission to the outcome */

  enum spry_platform platform; /* of its machines; never SPRY_PLATFORM_AUTOMATIC */

  uint64_t too_much_output; /* the reason SPRY_TOO_MUCH_OUTPUT */
  uint64_t cpu_limit;       /* the reason SPRY_CPU_LIMIT */
};

/* Fills as many members of `*statistics` as its size says. */
SPRY_API void spry_pool_statistics(const spry_pool *pool, struct spry_statistics *statistics);

/* Closes the pool with SPRY_CANCEL if it is not closed yet. Outcomes that nobody took are lost. Inside the pool it
 * returns at once: actions that run go on to their ends, and until then the pool uses what it borrowed. A program that
 * must know when that is over stops the pool inside, and frees it elsewhere. */
SPRY_API void spry_pool_free(spry_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
