#include "tool/collector.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "text/format.h"
#include "tool/priority.h"

namespace spry::bench {

struct Collector::Entry {
  // One of the two descriptors that epoll watches for an entry; epoll's events point to it.
  struct Source {
    Entry* entry;
    bool ending;  // the descriptor tells the end of the process, not its output
  };
  Process process;
  Arguments arguments;
  Completion done;
  Descriptor ending;
  Listener listener;
  bool open = true;
  Source output_source{this, false};
  Source ending_source{this, true};
};

Collector::Collector()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), stop_(eventfd(0, EFD_CLOEXEC)), thread_([this] { collect(); }) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, stop_.get(), &event);
}

Collector::~Collector() {
  eventfd_write(stop_.get(), 1);
  thread_.join();
}

void Collector::add(Process process, Arguments arguments, Completion done) {
  auto owned = std::make_unique<Entry>();
  owned->process = std::move(process);
  owned->arguments = std::move(arguments);
  owned->done = std::move(done);
  owned->ending = Descriptor(static_cast<int>(syscall(SYS_pidfd_open, owned->process.pid, 0)));
  if (!owned->ending) {
    owned->done(fail(ErrorCode::kMonitor, fmt::format("pidfd_open: {}", std::strerror(errno))));
    return;
  }
  // The collecting thread may finish and free the entry as soon as epoll knows how it ends, so that comes last.
  Entry* const entry = owned.release();
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &entry->output_source;
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, entry->process.output.get(), &event);
  event.data.ptr = &entry->ending_source;
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, entry->ending.get(), &event);
}

void Collector::finish(Entry& entry) {
  const Time end = Clock::now();
  while (entry.open) entry.open = entry.listener.receive(entry.process.output.get());
  const Result<Usage> used = wait_for(entry.process.pid, entry.arguments);
  if (!used) {
    entry.done(tl::unexpected(used.error()));
  } else if (!entry.listener.heard()) {
    entry.done(fail(ErrorCode::kMonitor, fmt::format("\"{}\" did not print Hello", show_command(entry.arguments))));
  } else {
    entry.done(Action{entry.process.start, entry.listener.hello(), end, *used});
  }
}

void Collector::collect() {
  measure_first();
  std::array<epoll_event, 64> events;
  std::vector<std::unique_ptr<Entry>> finished;  // kept until the round is over: its events may still point to them
  while (true) {
    const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    // Output first: its time is what is measured.
    for (const bool ending : {false, true}) {
      for (int i = 0; i < count; ++i) {
        const auto* const source = static_cast<Entry::Source*>(events[static_cast<std::size_t>(i)].data.ptr);
        if (source == nullptr) return;
        if (source->ending != ending) continue;
        Entry& entry = *source->entry;
        if (ending) {
          finished.emplace_back(&entry);
          // Closing is not enough: a process that is just being started has copies, so epoll would go on watching.
          epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, entry.ending.get(), nullptr);
          if (entry.open) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, entry.process.output.get(), nullptr);
          finish(entry);
        } else if (!entry.listener.receive(entry.process.output.get())) {
          entry.open = false;
          epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, entry.process.output.get(), nullptr);
        }
      }
    }
    finished.clear();
  }
}

}  // namespace spry::bench
