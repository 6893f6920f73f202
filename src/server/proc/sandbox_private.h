/* The layers of the sandbox, one file each. */
#pragma once

#include "server/proc/sandbox.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED 0
#endif

/* ThreadSanitizer has a thread of its own from the start. */
#if defined(__SANITIZE_THREAD__)
#define SANDBOX_OWN_THREADS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SANDBOX_OWN_THREADS 1
#endif
#endif
#ifndef SANDBOX_OWN_THREADS
#define SANDBOX_OWN_THREADS 0
#endif

/* Files and TCP, by Landlock. Errors as sandbox_enter. */
MUST_CHECK enum err sandbox_landlock(const struct sandbox_plan *plan,
                                     struct err_info *why);

/* Syscalls, by seccomp. Errors as sandbox_enter. */
MUST_CHECK enum err sandbox_seccomp(const struct sandbox_plan *plan,
                                    struct err_info *why);
