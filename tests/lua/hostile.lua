-- Scripts that try to hang the tool, to exhaust it or to get at others. Each section is the body
-- of an iteration; its head says how that must end: killed (by script_cpu_limit), done, failed
-- (with a message that contains the text), or any of these, as long as it ends.

--- loop: killed
while true do end

--- goto: killed
::top:: goto top

--- pcall loop: killed
while true do pcall(function() while true do end end) end

--- nested pcall: killed
local function f() pcall(f) while true do end end
while true do pcall(pcall, pcall, f) end

--- xpcall looping handler: killed
xpcall(error, function() while true do end end)

--- xpcall looping on both sides: killed
local function forever() while true do end end
while true do xpcall(forever, forever) end

--- looping handler of a hook's error: killed
table.sort({ 2, 1 }, function() xpcall(function() while true do end end, function() while true do end end) end)

--- coroutine.wrap loop: killed
coroutine.wrap(function() while true do end end)()

--- pcall(wrap): killed
while true do pcall(coroutine.wrap(function() while true do end end)) end

--- resume loop: killed
while true do coroutine.resume(coroutine.create(function() while true do end end)) end

--- nested coroutines: killed
local function nest(n) if n == 0 then while true do end end coroutine.wrap(nest)(n - 1) end
nest(50)

--- close of a coroutine with a looping __close: killed
local co = coroutine.create(function()
  local x <close> = setmetatable({}, { __close = function() while true do end end })
  coroutine.yield()
end)
coroutine.resume(co)
coroutine.close(co)

--- __close loop: killed
local x <close> = setmetatable({}, { __close = function() while true do end end })

--- many looping __close: killed
local mt = { __close = function() while true do pcall(function() while true do end end) end end }
local function deep(n) local a <close> = setmetatable({}, mt) if n > 0 then deep(n - 1) end end
deep(190)

--- thousands of looping __close: killed
local mt = { __close = function() while true do end end }
local co = coroutine.wrap(function()
  local function deep(n) local a <close> = setmetatable({}, mt) if n > 0 then return (deep(n - 1)) end while true do end end
  deep(5000)
end)
co()

--- error object with a looping __tostring: failed an error without a message
error(setmetatable({}, { __tostring = function() while true do end end }))

--- looping __tostring: killed
tostring(setmetatable({}, { __tostring = function() while true do end end }))

--- pcall in __tostring: killed
tostring(setmetatable({}, { __tostring = function() while true do pcall(function() while true do end end) end end }))

--- __tostring in print: killed
print(setmetatable({}, { __tostring = function() while true do end end }))

--- __index recursion: failed stack overflow
local t = setmetatable({}, { __index = function(t, key) return t[key] end })
return t.x

--- __index chain: failed '__index' chain too long
local a, b = {}, {}
setmetatable(a, { __index = b }) setmetatable(b, { __index = a })
return a.x

--- loops in __eq, __lt, __concat, __len: killed
local forever = function() while true do end end
local mt = { __eq = forever, __lt = forever, __concat = forever, __len = forever }
local a, b = setmetatable({}, mt), setmetatable({}, mt)
pcall(function() return a == b end)
return a < b, a .. b, #a

--- deep recursion: any
local function f() return 1 + f() end
while true do pcall(f) end

--- C stack overflow: any
local function f() return tostring(setmetatable({}, { __tostring = f })) end
while true do pcall(f) end

--- pcall recursion: any
local function f() pcall(f) end
while true do f() end

--- sort comparator loops: killed
table.sort({ 3, 2, 1 }, function() while true do end end)

--- sort comparator with pcall: killed
table.sort({ 3, 2, 1 }, function() while true do pcall(function() while true do end end) end end)

--- sort with an invalid comparator: killed
while true do pcall(table.sort, { 5, 4, 3, 2, 1 }, function() return true end) end

--- sort, large, by default order: killed
local t = {}
for i = 1, 300000 do t[i] = (i * 7919) % 300007 end
while true do table.sort(t) table.sort(t, function(a, b) return a > b end) end

--- sort with a C comparator: killed
local t = {}
for i = 1, 200000 do t[i] = (i * 7919) % 300007 end
while true do table.sort(t, math.ult) table.sort(t, function(a, b) return math.ult(b, a) end) end

--- sort under a hostile __len: any
table.sort(setmetatable({}, { __len = function() return (1 << 31) - 2 end, __index = type, __newindex = type }))

--- gsub callback loops: killed
("x"):gsub("x", function() while true do end end)

--- gsub callback with pcall: killed
("x"):gsub("x", function() while true do pcall(function() while true do end end) end end)

--- gmatch of an endless iterator: killed
for w in function() return "x" end do end

--- a* five times: failed too many steps
return ("a"):rep(150):find(("a*"):rep(5) .. "b")

--- a* five times in pcall: killed
while true do pcall(string.find, ("a"):rep(150), ("a*"):rep(5) .. "b") end

--- a- five times, long: killed
while true do pcall(string.match, ("a"):rep(3000), ("a-"):rep(5) .. "b") end

--- a check of very many conditions: killed
local many = {}
for i = 1, 100000 do many["c" .. i] = true end
while true do pcall(lt.check, 1, many) end

--- a thousand classes over a long text: killed
local long, many = ("a"):rep(1 << 22), ("%a"):rep(1000) .. "1"
while true do pcall(string.find, long, many) end

--- a? thirty times: killed
while true do pcall(string.find, ("a"):rep(30), ("a?"):rep(30) .. ("a"):rep(31)) end

--- a? thirty times on a number: killed
while true do pcall(string.find, 1111111111111111111, ("1?"):rep(30) .. ("1"):rep(31)) end

--- gmatch, hostile: failed too many steps
for w in ("a"):rep(1000):gmatch(("a*"):rep(5) .. "b") do end

--- gsub, hostile: killed
while true do pcall(string.gsub, ("a"):rep(1000), ("a*"):rep(5) .. "b", "") end

--- gsub, hostile, with a count that is no integer: killed
while true do pcall(string.gsub, ("a"):rep(1000), ("a*"):rep(5) .. "b", "", 1e9) pcall(string.find, ("a"):rep(1000), ("a*"):rep(5) .. "b", "1") end

--- gsub, hostile, with a function: killed
while true do pcall(string.gsub, ("a"):rep(1000), ("a*"):rep(5) .. "b", function() end) end

--- %b, hostile: any
local s = ("("):rep(30000)
while true do pcall(string.find, s, "%b()") end

--- back references, hostile: any
local s = ("a"):rep(50000)
while true do pcall(string.find, s, "(.-)(.-)%1%2b") end

--- a set without an end: any
local s = ("["):rep(100000)
while true do pcall(string.find, s, s) end

--- plain find, quadratic: any
local s, p = ("a"):rep(1000000), ("a"):rep(500000) .. "b"
while true do s:find(p, 1, true) end

--- rep of nothing: killed
while true do (""):rep(1 << 62) end

--- rep of nothing with a separator: killed
while true do pcall(string.rep, "", 1 << 62, "") end

--- rep 1 << 36: killed
while true do pcall(string.rep, "x", 1 << 36) end

--- rep 50 MB: killed
while true do local s = ("x"):rep(50000000) end

--- .. of 50 MB: killed
local s = ("x"):rep(50000000)
while true do local t = s .. "y" end

--- sub of 50 MB: killed
local s = ("x"):rep(50000000)
while true do local t = s:sub(2) end

--- upper of 50 MB: killed
local s = ("x"):rep(50000000)
while true do local t = s:upper() end

--- tonumber of 30 MB: killed
local s = ("1"):rep(30000000)
while true do tonumber(s) end

--- tonumber of 30 MB in base 36: killed
local s = ("1"):rep(30000000)
while true do tonumber(s, 36) end

--- arithmetic on 30 MB: failed arithmetic on a very long string
local s = ("1"):rep(30000000)
while true do local n = s + 1 end

--- a loop from 30 MB: any
local s = ("1"):rep(30000000)
while true do pcall(function() for i = s, 2 do end end) end

--- utf8.len of 30 MB: killed
local s = ("x"):rep(30000000)
while true do utf8.len(s) end

--- utf8.offset of 30 MB: killed
local s = ("x"):rep(30000000)
while true do utf8.offset(s, 30000000) end

--- utf8.codepoint of all: failed stack overflow
return utf8.codepoint(("x"):rep(2000000), 1, -1)

--- string.byte of all: failed stack overflow
return ("x"):rep(2000000):byte(1, -1)

--- format of a wide number: killed
while true do pcall(string.format, "%99999d", 1) end

--- format %s of 30 MB: killed
local s = ("x"):rep(30000000)
while true do local t = ("%s%s"):format(s, 1) end

--- format %q of 30 MB: killed
local s = ("\n"):rep(30000000)
while true do local t = ("%q"):format(s) end

--- table.concat, long: killed
local t = {}
for i = 1, 500000 do t[i] = "xxxxxxxxxx" end
while true do local s = table.concat(t, ",") end

--- table.concat under a hostile __len: killed
table.concat(setmetatable({}, { __len = function() return 1 << 60 end, __index = function() return "" end }))

--- table.concat of a range: failed invalid value
table.concat({}, "", 1, 1 << 60)

--- table.move 1 << 61: killed
table.move({}, 1, 1 << 61, 1)

--- table.insert under a hostile __len: killed
table.insert(setmetatable({}, { __len = function() return 1 << 60 end }), 1, 1)

--- table.remove under a hostile __len: killed
table.remove(setmetatable({}, { __len = function() return 1 << 60 end }), 1)

--- table.insert at the front: killed
local t = {}
for i = 1, 100000 do t[i] = i end
while true do table.insert(t, 1, 0) end

--- unpack, large: any
while true do pcall(table.unpack, {}, 1, 90000) pcall(table.unpack, {}, 1, 1 << 60) end

--- unpack under a hostile __len: any
while true do pcall(table.unpack, setmetatable({}, { __len = function() return 99999 end, __index = type })) end

--- select from behind: any
local function many(n) if n == 0 then return end return n, many(n - 1) end
while true do pcall(select, -1, table.unpack({}, 1, 90000)) end

--- next, quadratic: killed
local t = {}
for i = 1, 300000 do t[i] = i end
for i = 1, 299999 do t[i] = nil end
while true do next(t) end

--- load of a huge chunk: any
local s = ("x=1 "):rep(5000000)
while true do load(s) end

--- load of 1 MB: killed
local s = ("x=1 "):rep(250000)
while true do load(s) end

--- load from an endless reader: any
for _ = 1, 3 do load(function() return "x=1 " end) end
while true do end

--- load, nested: killed
local s = "return load(...)"
while true do load(s)(s) end

--- load with our chunk name: failed ?:1:
load("while true do end", "=\1")()

--- load of bytecode: killed
while true do assert(load("\27Lua", "x", "b") == nil) end

--- __gc: failed __gc is not available
setmetatable({}, { __gc = function() while true do end end })

--- table bomb: any
local t = {}
while true do t[#t + 1] = {} end

--- table bomb in pcall: any
local t = {}
while true do pcall(function() while true do t[#t + 1] = {} end end) end

--- a table that is kept, as a global and as an upvalue: any
kept = kept or {}
while true do kept[#kept + 1] = ("x"):rep(20000000 + #kept) end

--- string doubling: any
local s = "x"
while true do s = s .. s end

--- string doubling in pcall: any
while true do pcall(function() local s = "x" while true do s = s .. s end end) end

--- coroutine bomb: any
local t = {}
while true do t[#t + 1] = coroutine.create(function() end) coroutine.resume(t[#t]) end

--- a wrapped bomb in pcall: any
local t = {}
while true do pcall(function() t[#t + 1] = function() return t end error { t } end) end

--- getmetatable(""): failed attempt to index a boolean value
getmetatable("").__index = nil

--- a new string function: failed read-only
string.foo = function() end

--- rawset on a library: failed read-only
rawset(string, "foo", print)

--- a library as a table to be changed: failed read-only
table.insert(string, 1)

--- an iterator that loops: killed
for _ in function() while true do end end do end

--- wrap inside sort: killed
table.sort({ 2, 1 }, coroutine.wrap(function() while true do end end))

--- a generator kept across iterations: killed
kept = kept or coroutine.wrap(function() while true do end end)
kept()

--- close of a killed coroutine: killed
if co then coroutine.close(co) end
co = coroutine.create(function()
  local x <close> = setmetatable({}, { __close = function() while true do pcall(error) end end })
  while true do end
end)
coroutine.resume(co)

--- handler with pcall: killed
xpcall(error, function() while true do pcall(function() while true do end end) end end)

--- recursive handlers: any
local function handler() return xpcall(error, handler) end
while true do xpcall(error, handler) end

--- pack: any
while true do pcall(string.pack, ("z"):rep(1000), "x") pcall(string.pack, "!16" .. ("Xi16"):rep(10000)) end

--- unpack of text: any
while true do pcall(string.unpack, ("b"):rep(100000), ("x"):rep(100000)) end

--- comparison of 30 MB: killed
local a, b = ("x"):rep(30000000), ("x"):rep(29999999) .. "y"
while true do local c = a < b end

--- keys of 20 MB: any
local t = {}
for i = 1, 100 do t[("x"):rep(20000000) .. i] = 1 t = {} end
while true do end

--- os.date with a long format: any
while true do pcall(os.date, ("%c"):rep(100000)) end

--- waiting in a sort callback: failed nothing can wait here
table.sort({ 2, 1 }, function() require("loadtool").sleep(0) end)

--- waiting in __close after an error: failed first
local x <close> = setmetatable({}, { __close = function() for i = 1, 20 do pcall(function() require("loadtool").sleep(0) end) end end })
error "first"

--- waits that are over at once: any
for i = 1, 200 do require("loadtool").sleep(0) end
while true do end

--- a sort in __close after the end: killed
local x <close> = setmetatable({}, { __close = function() table.sort({ 2, 1 }, function() while true do end end) end })
while true do end

--- pcall of looping coroutines inside a callback: killed
table.sort({ 2, 1 }, function()
  while true do
    pcall(coroutine.wrap(function() table.sort({ 2, 1 }, function() while true do pcall(error) end end) end))
  end
end)

--- the table behind a library, from pairs: failed read-only
for _, library in pairs { string, table, math, os, require("loadtool"), require("loadtool").json } do
  local f, t = pairs(library)
  t.format = 1
end
