// This program is linked as the command is (spry_link_command). What its objects were compiled for must hold in the C
// library that they run with. Exits with the number of the first check that failed.
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmath>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>

#include "text/format.h"

namespace {

volatile sig_atomic_t delivered = 0;

// Exceptions are caught: libstdc++'s, nlohmann's, and one in another thread.
bool exceptions_are_caught() {
  volatile std::size_t too_much = std::size_t{1} << 62;
  int caught = 0;
  try {
    const std::unique_ptr<char[]> bytes(new char[too_much]);
  } catch (const std::bad_alloc&) {
    ++caught;
  }
  try {
    const nlohmann::json json = nlohmann::json::parse("{bad");
  } catch (const nlohmann::json::parse_error&) {
    ++caught;
  }
  try {
    static_cast<void>(std::string("abc").at(too_much));
  } catch (const std::out_of_range&) {
    ++caught;
  }
  int in_thread = 0;
  std::thread([&] {
    try {
      throw std::runtime_error("thrown");
    } catch (const std::exception& error) {
      in_thread = strcmp(error.what(), "thrown") == 0 ? 1 : 0;
    }
  }).join();
  return caught == 3 && in_thread == 1;
}

bool formatting_works() {
  const nlohmann::ordered_json json = {{"a", 1.5}, {"b", "x\xff"}, {"c", nullptr}};
  return fmt::format("{} {:#x} {:.3f} {:>4}", 7, 77, 2.5, "a") == "7 0x4d 2.500    a" &&
         json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) ==
             "{\"a\":1.5,\"b\":\"x\xef\xbf\xbd\",\"c\":null}";
}

bool signals_are_delivered() {
  struct sigaction action = {};
  action.sa_handler = [](int signal) { delivered = signal; };
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGUSR1, &action, nullptr) != 0 || raise(SIGUSR1) != 0 || delivered != SIGUSR1) return false;

  // A timer's signal is blocked and then taken, as for a deadline that ends KVM_RUN.
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGRTMIN);
  if (pthread_sigmask(SIG_BLOCK, &mask, nullptr) != 0) return false;
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGRTMIN;
  event._sigev_un._tid = gettid();
  timer_t timer;
  itimerspec soon = {};
  soon.it_value.tv_nsec = 1;
  siginfo_t information;
  const timespec patience = {5, 0};
  return timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &soon, nullptr) == 0 &&
         sigtimedwait(&mask, &information, &patience) == SIGRTMIN && timer_delete(timer) == 0;
}

bool files_look_the_same() {
  struct stat status;
  const int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &status) != 0 || !S_ISCHR(status.st_mode) || status.st_rdev != 0x103) return false;
  pollfd request = {fd, POLLOUT, 0};
  errno = 0;
  return poll(&request, 1, 0) == 1 && request.revents == POLLOUT && close(fd) == 0 && close(fd) == -1 &&
         errno == EBADF && strlen(strerror(EBADF)) != 0;
}

bool options_stop_at_the_first_word() {
  char words[][12] = {"run", "--memory", "16M", "hello", "--memory"};
  char* arguments[] = {words[0], words[1], words[2], words[3], words[4], nullptr};
  const option table[] = {{"memory", required_argument, nullptr, 300}, {}};
  optind = 0;
  return getopt_long(5, arguments, "+:h", table, nullptr) == 300 && strcmp(optarg, "16M") == 0 &&
         getopt_long(5, arguments, "+:h", table, nullptr) == -1 && optind == 3;
}

// memcmp compares by the first byte that differs, as unsigned, at every length and many alignments, and reads nothing
// behind its arguments.
bool memory_is_compared() {
  int (*volatile const compare)(const void*, const void*, std::size_t) = memcmp;
  constexpr std::size_t kPage = 4096;
  void* const pages = mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return false;
  unsigned char* const end = static_cast<unsigned char*>(pages) + kPage;
  if (mprotect(end, kPage, PROT_NONE) != 0) return false;
  constexpr std::size_t kLongest = 200;
  const std::string other(kLongest + 16, '\x7f');
  bool good = true;
  for (std::size_t length = 0; length <= kLongest; ++length) {
    unsigned char* const bytes = end - length;
    const char* const same = other.data() + length % 16;
    memset(bytes, 0x7f, length);
    good = good && compare(bytes, same, length) == 0;
    for (std::size_t at = 0; at < length; ++at) {
      bytes[length - 1] = 0;
      bytes[at] = 0x80;
      good = good && compare(bytes, same, length) > 0 && compare(same, bytes, length) < 0;
      bytes[at] = bytes[length - 1] = 0x7f;
    }
  }
  return munmap(pages, 2 * kPage) == 0 && good;
}

bool the_rest_works() {
  const double root = std::sqrt(2.0);
  std::random_device device;  // arc4random, getentropy or an instruction
  return isalpha('a') != 0 && isalpha('1') == 0 && tolower('A') == 'a' && root > 1.41 && root < 1.42 &&
         (device() != device() || device() != device());
}

}  // namespace

int main() {
  bool (*const checks[])() = {
      exceptions_are_caught,          formatting_works,   signals_are_delivered, files_look_the_same,
      options_stop_at_the_first_word, memory_is_compared, the_rest_works};
  int number = 0;
  for (const auto check : checks) {
    ++number;
    if (!check()) return number;
  }
  return 0;
}
