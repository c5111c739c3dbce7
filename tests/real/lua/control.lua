-- pcall, error, coroutines: both use setjmp and longjmp underneath
print(pcall(error, "plain")) print(pcall(error, {code = 7})  == false) print(select(2, pcall(error, {code = 7})).code)
print(pcall(function() error("at level 1") end)) print(pcall(function() error("no position", 0) end))
print(pcall(function() local x = nil; return x.field end)) print(pcall(function() return #5 end)) print(pcall(function() return {} < {} end))
print(xpcall(function() error("deep") end, function(m) return "handled: " .. m end))
print(select("#", pcall(function() return 1, nil, 3 end)))
local function nest(n) if n == 0 then error("bottom", 0) end local ok, m = pcall(nest, n - 1) error(m .. "<" .. n, 0) end
print(pcall(nest, 10))
print(pcall(string.rep)) print(pcall(setmetatable, 1, {})) print(pcall(next, {}, "absent"))

local depth = 0 local function recurse() depth = depth + 1 return 1 + recurse() end
local ok, m = pcall(recurse) print(ok, m:match("stack overflow") ~= nil, depth > 1000)
print(load("return 1 +")) print(load("syntax error here")) print(load("return ...", "chunk", "t", {})(5))
print(pcall(load, function() error("reader") end))
local co = coroutine.create(function(a, b)
  print("start", a, b) local c = coroutine.yield(a + b) print("got", c) local d, e = coroutine.yield(c * 2) print("got", d, e) return "end", d + e end)
print(coroutine.resume(co, 1, 2)) print(coroutine.status(co)) print(coroutine.resume(co, 10)) print(coroutine.resume(co, 3, 4))
print(coroutine.status(co), coroutine.resume(co))
local gen = coroutine.wrap(function() for i = 1, 5 do coroutine.yield(i * i) end end)
for v in gen do io.write(v, " ") end print()
local bad = coroutine.create(function() error("inside") end) print(coroutine.resume(bad)) print(coroutine.close(bad))
local function perms(a, n) n = n or #a if n <= 1 then coroutine.yield(table.concat(a)) else for i = 1, n do a[n], a[i] = a[i], a[n] perms(a, n - 1) a[n], a[i] = a[i], a[n] end end end
local out = {} for p in coroutine.wrap(function() perms {"a", "b", "c"} end) do out[#out + 1] = p end print(table.concat(out, " "))
print(coroutine.isyieldable(), select(2, coroutine.running()))
local ring = {} for i = 1, 200 do ring[i] = coroutine.wrap(function() local s = 0 while true do s = s + coroutine.yield(s) end end) ring[i]() end
local total = 0 for round = 1, 20 do for i = 1, 200 do total = total + ring[i](i) end end print(total)
print(pcall(coroutine.wrap(function() local x <close> = setmetatable({}, {__close = function() print("closing") end}) error("unwound", 0) end)))
print(debug.traceback("trace", 1):match("^trace\nstack traceback:") ~= nil)
local hooks = 0 debug.sethook(function() hooks = hooks + 1 end, "", 1000) for _ = 1, 100000 do end debug.sethook() print(hooks > 50)
