-- Each user takes a row of POOL and then sleeps; without POOL it only sleeps. The last one says so.
local lt = require "loadtool"
local last = tonumber(lt.env.LAST or "0")

local pool = lt.env.POOL and lt.data.csv(lt.env.POOL)

return function()
  if pool and not pool:next().email then lt.abort "a row has no e-mail" end
  if lt.vu.number == last then print "all users are here" end
  lt.sleep(600)
end
