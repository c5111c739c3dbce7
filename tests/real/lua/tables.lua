-- tables: sort, concat, insert and remove, metatables, iteration, garbage collection
local t = {} for i = 1, 1000 do t[i] = (i * 7919) % 1009 end
table.sort(t) local ok = true for i = 2, #t do ok = ok and t[i - 1] <= t[i] end print(ok, t[1], t[1000])
table.sort(t, function(a, b) return a > b end) print(t[1], t[1000])
local names = {"pear", "Apple", "fig", "Banana", "cherry"} table.sort(names) print(table.concat(names, ","))
table.insert(names, 1, "zero") table.insert(names, "last") print(table.remove(names, 2), table.remove(names), #names)
print(table.unpack({1, 2, nil, 4}, 1, 4)) print(select(-2, 1, 2, 3)) print(table.pack(1, nil, 3).n)
print(table.concat(table.move({1, 2, 3}, 1, 3, 2), " "))
local Account = {} Account.__index = Account
function Account.new(b) return setmetatable({balance = b}, Account) end
function Account:deposit(v) self.balance = self.balance + v return self end
Account.__add = function(a, b) return Account.new(a.balance + b.balance) end
Account.__eq = function(a, b) return a.balance == b.balance end
Account.__lt = function(a, b) return a.balance < b.balance end
Account.__le = function(a, b) return a.balance <= b.balance end
Account.__tostring = function(a) return "Account(" .. a.balance .. ")" end
Account.__len = function(a) return a.balance end
Account.__call = function(a, x) return a.balance * x end
Account.__concat = function(a, b) return tostring(a) .. "&" .. tostring(b) end
local a, b = Account.new(10), Account.new(20):deposit(5)
print(tostring(a + b), a == Account.new(10), a < b, a <= b, #b, b(3), a .. b)
local log = {} local proxy = setmetatable({}, {
  __index = function(_, k) log[#log + 1] = "get " .. k return k .. "!" end,
  __newindex = function(p, k, v) log[#log + 1] = "set " .. k rawset(p, k, v) end})
print(proxy.x, proxy.y) proxy.z = 1 print(proxy.z, table.concat(log, ";"))
local keys = {} for k in pairs({a = 1, b = 2, c = 3, [1] = 4, [2.5] = 5}) do keys[#keys + 1] = tostring(k) end
table.sort(keys) print(table.concat(keys, " "))
local weak = setmetatable({}, {__mode = "v"}) weak[1] = {} weak[2] = "kept" collectgarbage() print(weak[1], weak[2])
local closed = {} do local x <close> = setmetatable({}, {__close = function() closed[1] = "closed" end}) end print(closed[1])
setmetatable({}, {__gc = function() print("finalised") end}) collectgarbage() collectgarbage()
local big = {} for i = 1, 200000 do big["k" .. i] = i end local sum = 0 for _, v in pairs(big) do sum = sum + v end print(sum)
print(next({}), rawlen({1, 2}), rawequal(a, a), rawget(proxy, "q"))
goto done
print("never")
::done:: print("done")
