#include "oriel_bounds.h"

#include <chrono>
#include <cstdlib>
#include <exception>
#include <new>
#include <pthread.h>

namespace {

using steady = std::chrono::steady_clock;

// Left for unwinding, for whoever catches, and for what does not allocate.
constexpr std::size_t RESERVE_BYTES = 256 * 1024;
// Less than whoever waits for such code waits.
constexpr std::chrono::seconds MOST{ 8 };
// The clock is looked at once in so many allocations. Between two looks also what catches an exception may allocate.
constexpr unsigned CLOCK_EVERY = 1024;

// The stack may not grow below it; null where the thread is not bounded.
thread_local const char * stack_floor = nullptr;
thread_local steady::time_point deadline;
thread_local unsigned allocations = 0;

class out_of_bounds : public std::bad_alloc {
  public:
    explicit out_of_bounds(const char * what) : text(what) {}
    const char * what() const noexcept override { return text; }

  private:
    const char * text;
};

const char * lowest_of_stack() {
    const char * lowest = nullptr;
#if defined(__linux__)
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        void * address = nullptr;
        std::size_t bytes = 0;
        if (pthread_attr_getstack(&attributes, &address, &bytes) == 0 && bytes > 2 * RESERVE_BYTES) {
            lowest = static_cast<const char *>(address);
        }
        pthread_attr_destroy(&attributes);
    }
#endif
    return lowest;
}

void check() {
    if (stack_floor == nullptr) {
        return;
    }
    const bool is_deep = static_cast<const char *>(__builtin_frame_address(0)) < stack_floor;
    const bool is_late = ++allocations % CLOCK_EVERY == 0 && steady::now() > deadline;
    // An exception on its way must arrive.
    if ((is_deep || is_late) && std::uncaught_exceptions() == 0) {
        throw out_of_bounds(is_deep ? "it calls itself too deeply" : "it takes too long");
    }
}

} // namespace

oriel_bounded::oriel_bounded() {
    const char * lowest = lowest_of_stack();
    deadline = steady::now() + MOST;
    allocations = 0;
    stack_floor = lowest == nullptr ? nullptr : lowest + RESERVE_BYTES;
}

oriel_bounded::~oriel_bounded() {
    stack_floor = nullptr;
}

void * operator new(std::size_t bytes) {
    check();
    void * memory = std::malloc(bytes == 0 ? 1 : bytes);
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    return memory;
}

void operator delete(void * memory) noexcept {
    std::free(memory);
}

void operator delete(void * memory, std::size_t) noexcept {
    std::free(memory);
}
