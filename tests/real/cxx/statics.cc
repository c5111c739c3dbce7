// Static objects: constructed in order before main, destroyed in reverse after it; function statics on first use.
#include <cstdlib>
#include "parts.h"

static int count = 0;
Registered::Registered(const char *w) : what(w) { ++count; std::cout << "static +" << what << " #" << count << '\n'; }
Registered::~Registered() { std::cout << "static -" << what << " #" << count << std::endl; --count; }
int registered_count() { return count; }

static Registered first("first");
static Registered second("second");
int Noisy::alive = 0;

static void at_exit_1() { std::cout << "atexit registered first" << std::endl; }
static void at_exit_2() { std::cout << "atexit registered second" << std::endl; }
struct Hooks { Hooks() { std::atexit(at_exit_1); std::atexit(at_exit_2); } };
static Hooks hooked;
