-- `table`: what moves or compares many elements inside C does so in Lua, where the hook sees it.
local k = ...
local raw, h, base, raise = k.raw, k.h, k.base, k.raise
local type, select, math_type = raw.type, raw.select, raw.math.type
local tick = h.tick
local concat, insert, remove, move, sort, unpack = raw.table.concat, raw.table.insert, raw.table.remove, raw.table.move, raw.table.sort, raw.table.unpack

local MANY = 10000
local T = { pack = raw.table.pack }

-- Elements i..j are more than `most`; as floats, for their difference may overflow.
local function more(i, j, most)
  return math_type(i) == "integer" and math_type(j) == "integer" and j + 0.0 - i >= most
end

function T.concat(t, sep, i, j)
  if type(t) ~= "table" then return concat(t, sep, i, j) end
  local first, last = i or 1, j or #t
  if not more(first, last, MANY) then return concat(t, sep, first, last) end
  local parts, n = {}, 0
  for from = first, last, MANY do
    tick()
    n = n + 1
    parts[n] = concat(t, sep, from, from > last - MANY and last or from + MANY - 1)
  end
  return T.concat(parts, sep)
end

function T.insert(t, pos, ...)
  if select("#", ...) ~= 1 or type(t) ~= "table" then return insert(t, pos, ...) end
  local n = #t
  if not more(pos, n, MANY) or pos < 1 then return insert(t, pos, ...) end
  for i = n, pos, -1 do t[i + 1] = t[i] end
  t[pos] = (...)
end

function T.remove(t, ...)
  if select("#", ...) == 0 or type(t) ~= "table" then return remove(t, ...) end
  local pos, n = (...), #t
  if not more(pos, n, MANY) or pos < 1 then return remove(t, pos) end
  local removed = t[pos]
  for i = pos, n - 1 do t[i] = t[i + 1] end
  t[n] = nil
  return removed
end

function T.move(a, f, e, t, b)
  if not more(f, e, MANY) or math_type(t) ~= "integer" then return move(a, f, e, t, b) end
  local most = raw.math.maxinteger
  if f <= 0 and e >= most + f then return raise "bad argument #3 to 'move' (too many elements to move)" end
  if t > most - (e - f + 1) + 1 then return raise "bad argument #4 to 'move' (destination wrap around)" end
  local to = b or a
  if t > e or t <= f or b ~= nil and a ~= b then
    for i = 0, e - f do to[t + i] = a[f + i] end
  else
    for i = e - f, 0, -1 do to[t + i] = a[f + i] end
  end
  return to
end

local function less(a, b) return a < b end

function T.sort(t, before)
  if type(t) == "table" and (before == nil or type(before) == "function") and #t > 1000 then
    local given = before
    before = given and function(a, b) return given(a, b) end or less
  end
  return sort(t, before)
end

function T.unpack(t, i, j)
  if more(i or 1, j or type(t) == "table" and #t or 0, 100000) then return raise "too many results to unpack" end
  return unpack(t, i, j)
end

base.table = k.readonly(T)
