// Bounds the stack and the time of C++ code that does what a stranger wrote: a template may call itself for ever.
//
// Whatever such code does, it allocates. So the program's operator new looks, on a thread that is bounded, how much stack
// and time are left, and throws where that is too little; the code ends as it does when memory is short. Elsewhere it costs
// one look at a variable of the thread.
#pragma once

// Bounds this thread as long as it lives. One at a time.
class oriel_bounded {
  public:
    oriel_bounded();
    ~oriel_bounded();
    oriel_bounded(const oriel_bounded &) = delete;
    oriel_bounded & operator=(const oriel_bounded &) = delete;
};
