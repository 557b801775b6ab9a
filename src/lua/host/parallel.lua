-- lt.parallel: the branches are the host's; here is what waits for them.
local lt, h, k = ...
local value, await, keep, xpcall, error = k.value, k.await, k.keep, xpcall, error
local open, run, wait = h.parallel_open, h.parallel_run, h.parallel_wait
local FAILED, WAITS, DIES = 1, 2, 3

local closing = { __close = function(guard) h.parallel_close(guard.bundle) end }

local function entry(fn) return xpcall(fn, keep) end

local function follow(bundle, state, ...)
  if state == WAITS then
    await(wait(bundle))
    return follow(bundle, run(bundle))
  end
  if state == FAILED then return error((...), 0) end
  if state == DIES then return await() end -- never returns
  return ...
end

function lt.parallel(list)
  local guard <close> = setmetatable({ bundle = value(open(list, entry)) }, closing)
  return follow(guard.bundle, run(guard.bundle))
end
