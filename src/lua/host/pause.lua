local lt, h, k = ...
local await, sleep, think = k.await, h.pause_sleep, h.pause_think

function lt.sleep(length) return await(sleep(length)) end
function lt.think(a, b) return await(think(a, b)) end
