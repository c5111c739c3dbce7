// A C++17 program that uses much of the language's run-time: its output must be the same wherever it runs.
#include "parts.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <cmath>
#include <deque>
#include <fstream>
#include <functional>
#include <iomanip>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <queue>
#include <random>
#include <set>
#include <sstream>
#include <typeinfo>
#include <unordered_map>
#include <vector>


struct Shape { virtual ~Shape() = default; virtual double area() const = 0; };
struct Square : Shape { explicit Square(double s) : side(s) {} double area() const override { return side * side; } double side; };
struct Circle : Shape { explicit Circle(double r) : radius(r) {} double area() const override { return 3 * radius * radius; } double radius; };

static void containers()
{
    std::map<std::string, int> words;
    std::istringstream text("the quick brown fox jumps over the lazy dog and the quick cat");
    for (std::string w; text >> w;) ++words[w];
    for (const auto &[word, n] : words) std::cout << word << '=' << n << ' ';
    std::cout << '\n';
    std::mt19937 rng(1998);
    std::vector<unsigned> v(20000);
    std::generate(v.begin(), v.end(), std::ref(rng));
    std::sort(v.begin(), v.end());
    std::cout << std::is_sorted(v.begin(), v.end()) << ' ' << v.front() << ' ' << v.back() << ' '
              << std::accumulate(v.begin(), v.end(), 0ull) << '\n';
    std::stable_sort(v.begin(), v.end(), [](unsigned a, unsigned b) { return a % 10 < b % 10; });
    std::cout << v[0] % 10 << v[19999] % 10 << ' ' << (v[0] < v[1]) << '\n';
    std::set<int, std::greater<>> s{3, 1, 4, 1, 5, 9, 2, 6};
    for (int x : s) std::cout << x;
    std::deque<int> d(10); std::iota(d.begin(), d.end(), 0); std::rotate(d.begin(), d.begin() + 3, d.end());
    for (int x : d) std::cout << x;
    std::list<std::string> l{"c", "a", "b"}; l.sort(); l.reverse();
    for (const auto &x : l) std::cout << x;
    std::priority_queue<int> q; for (int x : {5, 1, 8, 3}) q.push(x);
    while (!q.empty()) { std::cout << q.top(); q.pop(); }
    std::unordered_map<std::string, double> u; for (int i = 0; i < 5000; ++i) u["key" + std::to_string(i)] = i * 0.5;
    double total = 0; for (const auto &kv : u) total += kv.second;
    std::cout << ' ' << u.size() << ' ' << total << ' ' << std::bitset<16>(0xBEEF) << '\n';
}

static void streams()
{
    std::cout << std::setw(8) << 42 << '|' << std::left << std::setw(8) << 42 << '|' << std::right << std::setfill('*') << std::setw(8) << -42
              << '|' << std::internal << std::setw(8) << -42 << std::setfill(' ') << '|' << std::showpos << 7 << std::noshowpos << '|' << std::hex
              << std::showbase << 255 << '|' << std::oct << 8 << std::dec << std::noshowbase << '|' << std::boolalpha << true << '\n';
    std::cout << std::fixed << std::setprecision(3) << 3.14159 << ' ' << std::scientific << 12345.678 << ' ' << std::defaultfloat
              << std::setprecision(6) << 1e-5 << ' ' << 1e20 << ' ' << 0.1 << ' ' << 100.0 << ' ' << std::showpoint << 2.0 << std::noshowpoint << '\n';
    std::cout << std::numeric_limits<long long>::min() << ' ' << std::numeric_limits<unsigned long long>::max() << ' '
              << std::numeric_limits<double>::infinity() << ' ' << std::sqrt(2.0) << ' ' << std::pow(2.0, 0.5) << '\n';
    std::ofstream("cxx.txt") << "line one\nline two 3.5 0x1f\n";
    std::ifstream in("cxx.txt"); std::string a, b, line; double f; std::getline(in, line); in >> a >> b >> f; int h; in >> std::hex >> h;
    std::cout << line << ';' << a << b << f << ';' << h << ';' << in.good() << in.eof() << in.fail() << '\n';
    in >> a; std::cout << in.eof() << in.fail() << '\n'; in.close();
    std::fstream both("cxx.bin", std::ios::in | std::ios::out | std::ios::trunc | std::ios::binary);
    for (int i = 0; i < 1000; ++i) both.put(static_cast<char>(i));
    both.seekg(500); char buffer[4]; both.read(buffer, 4); both.seekp(0); both << "patched"; both.seekg(0, std::ios::end);
    std::cout << int(static_cast<unsigned char>(buffer[0])) << ' ' << both.tellg() << '\n'; both.close();
    std::ifstream absent("absent.txt"); std::cout << absent.is_open() << '\n';
    std::string word; int number = 0, sum = 0; while (std::cin >> word >> number) { std::cout << '<' << word << '>'; sum += number; }
    std::cout << sum << ' ' << std::cin.eof() << '\n';
    std::remove("cxx.txt"); std::remove("cxx.bin");
    try { std::istringstream bad("x"); bad.exceptions(std::ios::failbit); int i; bad >> i; } catch (const std::ios_base::failure &) { std::cout << "ios failure\n"; }
}

static void rtti()
{
    std::vector<std::unique_ptr<Shape>> shapes;
    shapes.push_back(std::make_unique<Square>(2)); shapes.push_back(std::make_unique<Circle>(1)); shapes.push_back(std::make_unique<Square>(3));
    double total = 0; int squares = 0;
    for (const auto &s : shapes) { total += s->area(); squares += dynamic_cast<Square *>(s.get()) != nullptr; }
    const Shape &one = *shapes[1];
    std::cout << total << ' ' << squares << ' ' << (typeid(one) == typeid(Circle)) << ' ' << typeid(one).name() << ' ' << typeid(int).name() << '\n';
    std::function<int(int)> fact = [&](int n) { return n < 2 ? 1 : n * fact(n - 1); };
    std::cout << fact(10) << ' ' << std::invoke(&Square::side, static_cast<Square &>(*shapes[0])) << '\n';
}

int main(int argc, char **argv)
{
    static Registered local("in main");
    std::cout << "main with " << registered_count() << " statics, " << argc - 1 << " arguments:";
    for (int i = 1; i < argc; ++i) std::cout << " [" << argv[i] << ']';
    std::cout << '\n';
    exceptions();
    containers();
    streams();
    rtti();
    std::cerr << "to the error stream" << std::endl;
    if (argc > 1 && std::string(argv[1]) == "terminate") throw std::runtime_error("nobody catches this");
    return 23;
}
