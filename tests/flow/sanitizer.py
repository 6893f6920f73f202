"""What programs built with AddressSanitizer are told. Most of the time of a short program is the sanitizer's: looking for lost memory at
the end of each of its processes alone is a third of it. So that is done in the servers that a whole file of tests shares, and in the
files that say so: pytestmark = pytest.mark.leaks. The others find all else that it finds, but do not tell who had asked for the memory:
a stack of each allocation takes a tenth."""
import os

NEVER = "TEST_LEAKS_ARE_OF_OTHERS"  # in the environment where a library that is loaded loses some
SEARCH = "detect_leaks=1:malloc_context_size=12"
QUICK = "detect_leaks=0:malloc_context_size=1:max_malloc_fill_size=0"


def quick():
    """For all that is started from here on, unless somebody has said otherwise."""
    os.environ.setdefault("ASAN_OPTIONS", QUICK)


def searching():
    """More environment for a program whose lost memory is looked for."""
    return {} if NEVER in os.environ else {"ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:{SEARCH}"}
