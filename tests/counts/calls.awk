# Reads what strace(1) wrote and prints "CALL NUMBER" for each system call, ioctls with their request. With worker=1 the
# trace is one of several threads (strace -f). Then only the thread that enters guests most often counts, and of its
# calls none that depend on time or on how threads follow each other.

BEGIN {
  # What strace 6.1 has no names for.
  named["_IOC(_IOC_WRITE,0x21,0x4,0x8)"] = "SECCOMP_IOCTL_NOTIF_SET_FLAGS"
  named["_IOC(_IOC_READ|_IOC_WRITE,0x66,0x10,0x60)"] = "PAGEMAP_SCAN"
}

# A call that was interrupted by another thread's call stands in two lines: its beginning, and its end with the result.
{
  id = 0
  line = $0
  if (worker && match(line, /^[0-9]+ +/)) {
    id = $1
    line = substr(line, RLENGTH + 1)
  }
}
line ~ /<unfinished \.\.\.>$/ {
  sub(/ *<unfinished \.\.\.>$/, "", line)
  begun[id] = line
  next
}
line ~ /^<\.\.\. [a-z0-9_]+ resumed>/ {
  sub(/^<\.\.\. [a-z0-9_]+ resumed>/, "", line)
  line = begun[id] line
}
line !~ /^[a-z0-9_]+\(/ { next }

{
  call = line
  sub(/\(.*/, "", call)
  if (worker && varies()) next
  if (call == "ioctl") {
    request = line
    sub(/^ioctl\([0-9]+, /, "", request)
    if (request ~ /^_IOC\(/) sub(/\).*/, ")", request)
    else sub(/[,)].*/, "", request)
    gsub(/ /, "", request)
    call = "ioctl(" (request in named ? named[request] : request) ")"
  }
  count[id, call]++
  calls[call]
  if (call == "ioctl(KVM_RUN)" || call == "ioctl(SECCOMP_IOCTL_NOTIF_RECV)") entries[id]++
}

# Calls whose number varies. futex(2) depends on whether a thread finds another's work done; the allocator's memory, on
# which thread frees first; a wait that ended with nothing to receive, on how long the guest's process took to begin.
function varies() {
  return call == "futex" || call == "brk" || call == "munmap" || (call == "mmap" && line ~ /MAP_ANONYMOUS/) ||
    (call == "ppoll" && line ~ /\) += (0 \(Timeout\)|[-?])/)
}

END {
  chosen = 0
  for (id in entries) if (entries[id] > entries[chosen]) chosen = id
  for (call in calls) if ((chosen, call) in count) print call, count[chosen, call]
}
