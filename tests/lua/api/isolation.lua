-- What is this user's own lasts across its iterations.
local lt = require "loadtool"
local n = 0

return function()
  n = n + 1
  lt.vu.vars.n = (lt.vu.vars.n or 0) + 1
  total = (total or 0) + 1
  lt.abort(("local %d, vars %d, global %d, iteration %d"):format(n, lt.vu.vars.n, total, lt.vu.iteration))
end
