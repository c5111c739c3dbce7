// Shared by the parts of the C++ test program.
#pragma once
#include <iostream>
#include <stdexcept>
#include <string>

struct Noisy {
    explicit Noisy(std::string n) : name(std::move(n)) { std::cout << "+" << name << '\n'; ++alive; }
    Noisy(const Noisy &other) : name(other.name + "'") { std::cout << "+" << name << '\n'; ++alive; }
    Noisy &operator=(const Noisy &) = delete;
    ~Noisy() { std::cout << "-" << name << '\n'; --alive; }
    std::string name;
    static int alive;
};

struct Registered {
    explicit Registered(const char *what);
    ~Registered();
    const char *what;
};
int registered_count();

void exceptions();
