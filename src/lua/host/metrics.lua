-- The author's metrics: an object over each number, made once per worker.
local lt, h, k = ...
local value, raise, keep = k.value, k.raise, k.keep
local type, error, xpcall = type, error, xpcall
local declare, add, begin, finish = h.metrics_declare, h.metrics_add, h.metrics_begin, h.metrics_end

local known = {}

local function declared(form, make)
  return function(name, options)
    local id = value(declare(form, name, options))
    local object = known[id]
    if not object then
      object = k.object(form == "timer" and "timer" or "metric", make(id))
      known[id] = object
    end
    return object
  end
end

local function adding(id)
  return { add = function(v, tags) return value(add(id, v, tags)) end }
end

local function timed(id, began, ok, ...)
  finish(id, began, not ok)
  if not ok then return error((...), 0) end
  return ...
end

local function timing(id)
  return {
    time = function(fn, ...)
      if type(fn) ~= "function" then return raise("timer:time needs a function, got a " .. type(fn)) end
      return timed(id, value(begin()), xpcall(fn, keep, ...))
    end,
  }
end

lt.metrics = {
  counter = declared("counter", adding),
  gauge = declared("gauge", adding),
  rate = declared("rate", adding),
  histogram = declared("histogram", adding),
  timer = declared("timer", timing),
}
