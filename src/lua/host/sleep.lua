local lt, h, k = ...
local await, sleep = k.await, h.sleep

function lt.sleep(duration)
  return await(sleep(duration))
end
