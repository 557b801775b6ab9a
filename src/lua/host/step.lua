local lt, h, k = ...
local raise, keep, begin, finish = k.raise, k.keep, h.step_begin, h.step_end
local xpcall, error, type = xpcall, error, type

local function ended(depth, ok, ...)
  finish(depth, not ok)
  if not ok then return error((...), 0) end
  return ...
end

function lt.step(name, fn, ...)
  if type(fn) ~= "function" then return raise("lt.step needs a name and a function, got " .. k.described(fn)) end
  local fault, depth = begin(name)
  if fault then return raise(fault) end
  return ended(depth, xpcall(fn, keep, ...))
end
