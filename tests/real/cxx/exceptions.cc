// Exceptions across frames, with destructors, rethrow, nesting, translation, and the standard's own types.
#include "parts.h"

#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <typeinfo>
#include <vector>

namespace {
struct Base { virtual ~Base() = default; virtual const char *id() const { return "Base"; } };
struct Left : virtual Base { const char *id() const override { return "Left"; } };
struct Right : virtual Base { const char *id() const override { return "Right"; } };
struct Both : Left, Right { const char *id() const override { return "Both"; } int weight = 7; };
struct MyError : std::runtime_error {
    MyError(const std::string &what, int c) : std::runtime_error(what), code(c) {}
    int code;
};

int descend(int depth)
{
    Noisy here("frame" + std::to_string(depth));
    if (depth == 0) throw MyError("bottom", 42);
    int below = descend(depth - 1);
    return below + depth;
}

void rethrows()
{
    try {
        Noisy local("inner");
        throw std::string("a string");
    } catch (const std::string &text) {
        std::cout << "seen " << text << ", passing on\n";
        throw;
    }
}

struct Throwing {
    Noisy member{"member"};
    Throwing() { throw std::logic_error("constructor"); }
};

void nested(int level)
{
    try {
        if (level == 0) throw std::out_of_range("level 0");
        nested(level - 1);
    } catch (...) {
        std::throw_with_nested(std::runtime_error("level " + std::to_string(level)));
    }
}

void explain(const std::exception &e, int indent = 0)
{
    std::cout << std::string(indent, ' ') << e.what() << '\n';
    try { std::rethrow_if_nested(e); } catch (const std::exception &inner) { explain(inner, indent + 1); }
}

void try_block_in_catch()
{
    try {
        try { throw 1; }
        catch (int first) {
            try { throw 2.5; }
            catch (double second) { std::cout << "in catch of " << first << " caught " << second << '\n'; }
            throw 'c';
        }
    } catch (char c) { std::cout << "and then " << c << '\n'; }
}

int counter = 0;
int many(int n)
{
    for (int i = 0; i < n; ++i)
        try { if (i % 3 == 0) throw i; if (i % 3 == 1) throw std::to_string(i); throw MyError("m", i); }
        catch (int v) { counter += v; }
        catch (const std::string &s) { counter += static_cast<int>(s.size()); }
        catch (const std::exception &e) { counter += e.what()[0]; }
    return counter;
}
}  // namespace

template <class F> void shows(const char *title, F action)
{
    std::cout << title << ": ";
    try { action(); std::cout << "no exception\n"; }
    catch (const MyError &e) { std::cout << "MyError " << e.what() << ' ' << e.code << '\n'; }
    catch (const std::bad_alloc &) { std::cout << "bad_alloc\n"; }
    catch (const std::bad_cast &) { std::cout << "bad_cast\n"; }
    catch (const std::bad_typeid &) { std::cout << "bad_typeid\n"; }
    catch (const std::bad_function_call &) { std::cout << "bad_function_call\n"; }
    catch (const std::out_of_range &) { std::cout << "out_of_range\n"; }
    catch (const std::length_error &) { std::cout << "length_error\n"; }
    catch (const std::invalid_argument &) { std::cout << "invalid_argument\n"; }
    catch (const std::logic_error &e) { std::cout << "logic_error " << e.what() << '\n'; }
    catch (const std::string &s) { std::cout << "string " << s << '\n'; }
    catch (const Base &b) { std::cout << "Base that is " << b.id() << '\n'; }
    catch (const char *s) { std::cout << "text " << s << '\n'; }
    catch (...) { std::cout << "something else\n"; }
}

void exceptions()
{
    shows("across frames", [] { std::cout << descend(4) << '\n'; });
    shows("rethrow", rethrows);
    shows("constructor", [] { Throwing t; });
    shows("array new", [] { std::vector<int> v; v.at(3) = 1; });
    shows("huge", [] { std::vector<int> v; v.reserve(static_cast<std::size_t>(-1)); });
    shows("alloc", [] { volatile std::size_t n = 0x7ffffff0; if (sizeof(void *) != 4) throw std::bad_alloc(); char *volatile p = new char[n]; delete[] p; });
    shows("stoi", [] { std::stoi("not a number"); });
    shows("stoi range", [] { std::stoi("99999999999999999999"); });
    shows("empty function", [] { std::function<void()> f; f(); });
    shows("bad cast", [] { Left left; Base &b = left; (void)dynamic_cast<Right &>(b); });
    shows("bad typeid", [] { Base *none = nullptr; (void)typeid(*none).name(); });
    shows("virtual base by value", [] { throw Both(); });
    shows("pointer", [] { throw "literal"; });
    shows("other", [] { throw 3L; });
    shows("try in catch", try_block_in_catch);
    try { nested(3); } catch (const std::exception &e) { explain(e); }
    std::exception_ptr kept;
    try { throw MyError("kept for later", 5); } catch (...) { kept = std::current_exception(); }
    shows("exception_ptr", [&] { std::rethrow_exception(kept); });
    {
        auto guard = std::make_shared<Noisy>("shared");
        std::weak_ptr<Noisy> weak = guard;
        auto owner = std::make_unique<Noisy>("unique");
        shows("smart pointers", [g = std::move(owner), guard] { throw std::string(g->name + guard->name); });
        guard.reset();
        std::cout << "expired " << weak.expired() << '\n';
    }
    std::cout << "uncaught " << std::uncaught_exceptions() << ", many " << many(3000) << ", alive " << Noisy::alive << '\n';
}
