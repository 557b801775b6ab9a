-- A user who does nothing: what one costs without a connection. The last one says so.
local lt = require "loadtool"
local last = tonumber(lt.env.LAST or "0")

return function()
  if lt.vu.number == last then print "all users are here" end
  lt.sleep(600)
end
