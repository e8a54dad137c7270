#pragma once
#include <hiredis/hiredis.h>
#include <sys/eventfd.h>

// What wakes the thread that polls the connection; Glibc's module leaves it out.
static inline int steward_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
