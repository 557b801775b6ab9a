-- Shared objects: one over each number, made once per worker.
local lt, h, k = ...
local value, raise, await, at_once, keep = k.value, k.raise, k.await, k.at_once, k.keep
local type, error, xpcall, tostring = type, error, xpcall, tostring

-- Opens an object by the raw function `open`; `make` makes its methods, and its length.
local function opener(kind, open, make)
  local known = {}
  return function(name, options)
    local id = value(open(name, options))
    local object = known[id]
    if not object then
      object = k.object(kind, make(id))
      known[id] = object
    end
    return object
  end
end

local shared = {}
lt.shared = shared

shared.counter = opener("counter", h.shared_counter, function(id)
  local add, count = h.shared_add, h.shared_count
  return {
    add = function(n) return value(add(id, n)) end,
    get = function() return count(id) end,
  }
end)

shared.queue = opener("queue", h.shared_queue, function(id)
  local push, pop, length = h.shared_push, h.shared_pop, h.shared_length
  return {
    push = function(v) return await(push(id, v)) end,
    pop = function(timeout) return await(pop(id, timeout)) end,
  }, function() return length(id) end
end)

-- How often a value may change while its update is computed. Others leave room in between; a
-- function that sets the entry itself does not.
local TRIES = 1000

shared.map = opener("map", h.shared_map, function(id)
  local get, set, swap = h.shared_get, h.shared_set, h.shared_swap
  local function update(key, fn)
    if type(fn) ~= "function" then return raise("map:update needs a key and a function, got " .. k.described(fn)) end
    for _ = 1, TRIES do
      local before, version = value(get(id, key))
      local ok, after = at_once(fn, before)
      if not ok then return error(after, 0) end
      if value(swap(id, key, after, version)) then return after end
    end
    return raise("map:update: `" .. tostring(key) .. "` has changed " .. TRIES
      .. " times while its function ran: the function must not set it itself")
  end
  return {
    get = function(key) return (value(get(id, key))) end,
    set = function(key, v) return value(set(id, key, v)) end,
    update = update,
  }
end)

local function computed(turn, ok, v)
  local message = h.shared_finish(turn, ok, v)
  if not ok then return error(v, 0) end
  if message then return raise(message) end
  return v
end

function shared.once(key, fn, options)
  if type(fn) ~= "function" then return raise("lt.shared.once needs a key and a function, got " .. k.described(fn)) end
  local turn, v = await(h.shared_once(key, options))
  if not turn then return v end
  return computed(turn, xpcall(fn, keep))
end

shared.barrier = opener("barrier", h.shared_barrier, function(id)
  local arrive = h.shared_arrive
  return { wait = function() return await(arrive(id)) end }
end)

shared.limiter = opener("limiter", h.shared_limiter, function(id)
  local pass = h.shared_pass
  return { wait = function() return await(pass(id)) end }
end)
