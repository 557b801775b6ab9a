-- `string` and `utf8`: everything that loops inside C without bound is replaced or first asks
-- whether the slice is over (`tick`).
local k = ...
local raw, h, base, raise, where = k.raw, k.h, k.base, k.raise, k.h.where
local type, error, next, select, tostring = raw.type, raw.error, raw.next, raw.select, raw.tostring
local math_type = raw.math.type
local str, tick, concat = raw.string, h.tick, raw.table.concat
local find, match, gmatch, gsub, rep, format, sub = str.find, str.match, str.gmatch, str.gsub, str.rep, str.format, str.sub

local LONG = 65536
local S = { byte = str.byte, char = str.char, len = str.len, pack = str.pack, packsize = str.packsize, unpack = str.unpack }

-- Patterns -------------------------------------------------------------------------------------

local limits, known = {}, 0            -- pattern -> longest subject for Lua's own matcher
local free, frees = {}, 0              -- the same where `^` is no anchor

local function limit(p)
  if known == 1000 then limits, known = {}, 0 end
  limits[p], known = h.pattern_limit(p, true), known + 1
  return limits[p]
end

local function free_limit(p)
  if frees == 1000 then free, frees = {}, 0 end
  free[p], frees = h.pattern_limit(p, false), frees + 1
  return free[p]
end

-- Raises as Lua's own functions do: text with a position.
local function told(message, ...)
  if message then return error(where() .. message, 0) end
  return ...
end

-- Whether the arguments are text; numbers are made text by the caller, and any other mistake is
-- told by Lua's own function.
local function text(s)
  if type(s) == "number" then return tostring(s) end
  return s
end

-- A position or a count that is no integer, as Lua makes it one; what it refuses was told before.
local function integer(n)
  return raw.math.tointeger(raw.tonumber(n))
end

-- Texts with patterns that are known and cannot be slow on them: nearly all, so that comes first.
function S.find(s, p, init, plain)
  local most = limits[p]
  if most and type(s) == "string" and #s <= most then return find(s, p, init, plain) end
  s, p = text(s), text(p)
  if type(s) ~= "string" or type(p) ~= "string" or #s <= (limits[p] or limit(p)) then
    return find(s, p, init, plain)
  end
  if init ~= nil and math_type(init) ~= "integer" then
    find("", "", init)
    init = integer(init)
  end
  return told(h.pattern_find(s, p, init, plain))
end

function S.match(s, p, init)
  local most = limits[p]
  if most and type(s) == "string" and #s <= most then return match(s, p, init) end
  s, p = text(s), text(p)
  if type(s) ~= "string" or type(p) ~= "string" or #s <= (limits[p] or limit(p)) then
    return match(s, p, init)
  end
  if init ~= nil and math_type(init) ~= "integer" then
    match("", "", init)
    init = integer(init)
  end
  return told(h.pattern_match(s, p, init))
end

local function after(i, n)             -- a position as an offset
  if i == nil then return 0 end
  if i > 0 then return i - 1 elseif i == 0 then return 0 elseif i < -n then return 0 end
  return n + i
end

function S.gmatch(s, p, init)
  s, p = text(s), text(p)
  if type(s) ~= "string" or type(p) ~= "string" or #s <= (free[p] or free_limit(p)) then
    return gmatch(s, p, init)
  end
  if init ~= nil and math_type(init) ~= "integer" then
    gmatch("", "", init)
    init = integer(init)
  end
  local from, last = after(init, #s), nil
  local function step(message, first, stop, ...)
    if message then return told(message) end
    if not first then from = #s + 1 return nil end
    from, last = stop, stop
    return ...
  end
  return function()
    if from > #s then return nil end
    return step(h.pattern_next(s, p, from, last, false, false))
  end
end

local function replaced(original, result)
  if not result then return original end
  if type(result) == "string" or type(result) == "number" then return result end
  return told("invalid replacement value (a " .. type(result) .. ")")
end

-- gsub with a table or a function.
local function substitute(s, p, new, most)
  local anchored = sub(p, 1, 1) == "^"
  if anchored then p = sub(p, 2) end
  local parts, n, count, from, last = {}, 0, 0, 0, nil
  local done = 0                        -- what has been copied, as an offset
  local function value(...)
    if type(new) == "table" then return new[(...)] end
    return (new(...))
  end
  local function step(message, first, stop, ...)
    if message then return told(message) end
    if not first then return false end
    parts[n + 1] = sub(s, done + 1, first)
    parts[n + 2] = replaced(sub(s, first + 1, stop), value(...))
    n, count, from, last, done = n + 2, count + 1, stop, stop, stop
    return true
  end
  while count < most and step(h.pattern_next(s, p, from, last, anchored, type(new) == "table")) and not anchored do end
  parts[n + 1] = sub(s, done + 1)
  return base.table.concat(parts), count
end
k.substitute = substitute

function S.gsub(s, p, new, most)
  s, p = text(s), text(p)
  local kind = type(new)
  if type(s) ~= "string" or type(p) ~= "string" or #s <= (limits[p] or limit(p)) then
    return gsub(s, p, new, most)
  end
  if most ~= nil and math_type(most) ~= "integer" then
    gsub("", "x", new, most)                -- no match: nothing is called
    most = integer(most)
  end
  if kind == "string" or kind == "number" then
    return told(h.pattern_replace(s, p, new, most))
  elseif kind == "function" or kind == "table" then
    return substitute(s, p, new, most or #s + 1)
  end
  return gsub("", p, new, most)
end

-- Long texts -----------------------------------------------------------------------------------

function S.rep(s, n, sep)
  if raw.math.type(n) == "integer" and n > 1024 then
    tick()
    if s == "" and (sep == nil or sep == "") then return "" end
  end
  return rep(s, n, sep)
end

function S.format(...)
  local result = format(...)
  if #result > LONG then tick() end
  return result
end

local function asking(f)
  return function(s, ...)
    if type(s) == "string" and #s > LONG then tick() end
    return f(s, ...)
  end
end

do
  local upper, lower, reverse, sub = str.upper, str.lower, str.reverse, str.sub
  S.upper, S.lower, S.reverse, S.sub = asking(upper), asking(lower), asking(reverse), asking(sub)
end
S.dump = k.missing("string.dump", "there is no bytecode")

-- The metatable of strings ---------------------------------------------------------------------

local metatable = raw.getmetatable("")
for name, f in next, metatable do
  if type(f) == "function" then
    metatable[name] = function(a, b)
      if type(a) == "string" and #a > 1000 or type(b) == "string" and #b > 1000 then
        return raise "attempt to perform arithmetic on a very long string"
      end
      return f(a, b)
    end
  end
end
metatable.__index = S
metatable.__metatable = false
base.string = k.readonly(S)

local U = {}
for name, f in next, raw.utf8 do U[name] = f end
do
  local len, offset, codepoint = U.len, U.offset, U.codepoint
  U.len, U.offset, U.codepoint = asking(len), asking(offset), asking(codepoint)
end
base.utf8 = k.readonly(U)
