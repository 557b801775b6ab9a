-- Errors with the author's position, waiting, read-only tables, environments: what all of our own
-- Lua is built on. Called once per state with the raw libraries, the host's functions and the
-- marks of the yield protocol.
local raw, h, OP, FAIL, STRAY, FULL = ...

local error, type, rawxpcall, yield = raw.error, raw.type, raw.xpcall, raw.coroutine.yield
local setmetatable, next, rawset = raw.setmetatable, raw.next, raw.rawset
local byte, gsub = raw.string.byte, raw.string.gsub
local where, fault, translate, keep, uncaught, lost = h.where, h.fault, h.translate, h.keep, h.uncaught, h.lost

local k = { raw = raw, h = h, OP = OP, STRAY = STRAY, FULL = FULL, fault = fault }

-- Faults ---------------------------------------------------------------------------------------

local faults = h.faults
function faults.__tostring(e)
  return (e.file and e.file .. ":" .. e.line .. ": " or "") .. e.message
end
function faults.__concat(a, b) return raw.tostring(a) .. raw.tostring(b) end
faults.__metatable = false

local function raise(message, category)
  return error(fault(category or "script", message), 0)
end
k.raise = raise

function k.value(message, ...)
  if message then return raise(message) end
  return ...
end

-- A value as messages show it: `nil`, `a table`, `"text"`.
k.described = h.described

local CROSSED = {
  ["attempt to yield across a C-call boundary"] = true,
  ["attempt to yield from outside a coroutine"] = true,
}
local CANNOT_WAIT = "nothing can wait here: callbacks of table.sort, string.gsub, map:update and __tostring, "
  .. "message handlers and __close cannot make requests or pauses"

-- A message handler: it runs at the raise point, so the author's position is still to be had.
local function place(e)
  if type(e) == "string" then
    if byte(e) == 1 then return (gsub(e, "^\1:%-?%d+: ", where, 1)) end
    if CROSSED[e] then return fault("script", CANNOT_WAIT) end
    return e
  end
  if type(e) == "userdata" then return translate(e) end
  return e
end
k.place = place

function k.keep(e)
  e = place(e)
  keep(e)
  return e
end

-- Whoever goes on after an error: not where memory is full, for without any the hook that ends
-- what computes for ever cannot run either. The driver drops what yields here; where nothing can
-- yield, the error goes up until something can.
local full, isyieldable = h.full, raw.coroutine.isyieldable

local function same(e) return e end

function k.give_up()
  while isyieldable() do yield(FULL) end
  return error("not enough memory", 0)
end

function k.survive()
  local asked, yes = rawxpcall(full, same)
  if yes or not asked then return k.give_up() end
end

-- Waiting --------------------------------------------------------------------------------------

-- What is no value: a function that has to make it of the rest, or the message of an error.
local function unsettled(what, ...)
  if type(what) == "function" then return what(...) end
  return raise(what, (...))
end

local function settle(a, ...)
  if a == FAIL then return unsettled(...) end
  return a, ...
end

function k.await(message)
  if message then return raise(message) end
  return settle(yield(OP))
end

-- The same where the operation gives one value: calls, which are many.
function k.receive(message)
  if message then return raise(message) end
  local given, what, a, b = yield(OP)
  if given == FAIL then return unsettled(what, a, b) end
  return given
end

-- xpcall where nothing can wait: no yield passes the C function in between.
function k.at_once(f, v)
  local ok, result
  gsub(".", ".", function() ok, result = rawxpcall(f, k.keep, v) end)
  return ok, result
end

-- Read-only tables -----------------------------------------------------------------------------

-- What cannot be written to: each proxy and the table behind it.
local frozen = setmetatable({}, { __mode = "k" })
k.frozen = frozen

local function refuse() return raise "this table is read-only" end

function k.readonly(t)
  local proxy = {}
  local function step(_, key) return next(t, key) end
  local function iterate() return step, proxy, nil end   -- `t` itself must not get out
  setmetatable(proxy, {
    __name = "readonly", __index = t, __newindex = refuse, __pairs = iterate, __len = function() return #t end, __metatable = false,
  })
  frozen[proxy] = t
  return proxy
end

-- A table of ours as scripts see it: read-only, and a field that it does not have raises.
function k.module(name, t)
  setmetatable(t, { __index = function(_, key) return raise(h.unknown_field(name, key, t)) end })
  return k.readonly(t)
end

-- An object of ours: its methods insist on the colon, and one that it does not have raises.
function k.object(name, functions, length)
  local object, methods = {}, {}
  for key, f in next, functions do
    methods[key] = function(self, ...)
      if self ~= object then return raise("call " .. name .. ":" .. key .. "(…) with a colon") end
      return f(...)
    end
  end
  local function unknown(_, key) return raise(h.unknown_field("a " .. name, key, functions)) end
  frozen[object] = true
  return setmetatable(object, {
    __index = setmetatable(methods, { __index = unknown }),
    __newindex = function() return raise("a " .. name .. " is read-only") end,
    __len = length, __metatable = false, __name = name,
  })
end

-- A tree of plain tables, read-only all the way down.
function k.freeze(t)
  if type(t) ~= "table" or frozen[t] then return t end
  for key, value in next, t do rawset(t, key, k.freeze(value)) end
  return k.readonly(t)
end

-- Environments and entry points ----------------------------------------------------------------

local base = {}
k.base = base
local environment = { __index = base, __metatable = false }
k.environment = environment
local libraries = {}                   -- what package.loaded holds from the start
k.libraries = libraries
local loaded = { __index = libraries }
local shared = {}
k.shared = shared

local function outermost(e)
  e = place(e)
  uncaught(e)
  return e
end

local function ended(ok, e)
  if not ok then lost(e) end
  return ok
end

-- One of the functions that a user's cell holds. Its ctx is that of all, unless variants of the
-- target have one each.
function k.body(cell, index)
  local ctx = cell.ctx
  if ctx == nil then ctx = shared.ctx end
  return ended(rawxpcall(cell[index], outermost, ctx))
end

local function top(cell, main)
  local env = setmetatable({}, environment)
  rawset(env, "_G", env)
  cell.env, cell.loaded = env, setmetatable({ _G = env }, loaded)
  cell.value = main(env)
end

-- The script's top level, in a new environment.
function k.start(cell, main)
  return ended(rawxpcall(top, outermost, cell, main))
end

-- A function whose first result is kept in the cell, for setup.
function k.keeping(cell, f)
  return function(ctx) cell.result = f(ctx) end
end

-- A function that keeps in the cell what `f` gives at each of these moments, for curves.
function k.sampling(cell, f, times)
  return function()
    local given = {}
    for i = 1, #times do given[i] = (f(times[i])) end
    cell.result = given
  end
end

-- A function of one argument that is known already, for summary.
function k.with(f, v)
  return function() return f(v) end
end

return k
