/* The layers of a jail, one file each. */
#pragma once

#include "core/jail/jail.h"

#if defined(__SANITIZE_ADDRESS__)
#define JAIL_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define JAIL_SANITIZED 1
#endif
#endif
#ifndef JAIL_SANITIZED
#define JAIL_SANITIZED 0
#endif

/* ThreadSanitizer has a thread of its own from the start. */
#if defined(__SANITIZE_THREAD__)
#define JAIL_OWN_THREADS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define JAIL_OWN_THREADS 1
#endif
#endif
#ifndef JAIL_OWN_THREADS
#define JAIL_OWN_THREADS 0
#endif

/* Files and TCP, by Landlock. Errors as jail_enter. */
MUST_CHECK enum err jail_landlock(const struct jail_plan *plan, struct err_info *why);

/* Syscalls, by seccomp. Errors as jail_enter. */
MUST_CHECK enum err jail_seccomp(const struct jail_plan *plan, struct err_info *why);
