-- Coroutines of the author: host operations pass through them, outward to the driver, so that a
-- host call waits inside them as anywhere else.
local k = ...
local raw, OP, STRAY, FULL, raise = k.raw, k.OP, k.STRAY, k.FULL, k.raise
local survive, give_up = k.survive, k.give_up
local C = raw.coroutine
local create, resume, yield, error = C.create, C.resume, C.yield, raw.error
local place = k.place

local WAITS = "cannot resume a coroutine that waits for a host call"
local busy = raw.setmetatable({}, { __mode = "k" })     -- coroutines in which a host call waits

-- What a resume gave the author: an error with its place, and neither mark.
local function settled(ok, tag, ...)
  if ok and tag == FULL then return give_up() end
  if ok then return ok, tag, ... end
  survive()
  return false, place(tag)
end

local function forward(co, ok, tag, ...)
  if tag == OP and ok then
    busy[co] = true
    return forward(co, resume(co, yield(OP)))           -- a tail call: the stack does not grow
  end
  busy[co] = nil
  return settled(ok, tag, ...)
end

local function outcome(co, ok, tag, ...)                 -- the common case pays two comparisons
  if tag == OP and ok then return forward(co, ok, tag, ...) end
  if tag == FULL or not ok then return settled(ok, tag, ...) end
  return ok, tag, ...
end

local function results(ok, ...)
  if ok then return ... end
  return error((...), 0)
end

local function own(v, ...)
  if v == STRAY then return raise "attempt to yield from outside a coroutine" end
  return v, ...
end

local coroutine = {
  close = C.close, create = create, isyieldable = C.isyieldable, running = C.running, status = C.status,
}

function coroutine.resume(co, ...)
  if busy[co] then return false, WAITS end
  return outcome(co, resume(co, ...))
end

function coroutine.wrap(f)
  local co = create(f)
  return function(...)
    if busy[co] then return raise(WAITS) end
    return results(outcome(co, resume(co, ...)))
  end
end

function coroutine.yield(...)
  return own(yield(...))
end

k.base.coroutine = k.readonly(coroutine)
