-- For benches/compare.sh: calls that take MS milliseconds, or SLOW against the variant `slower`, of
-- users who do nothing else.
local lt = require "loadtool"
local path = "/delay/" .. (lt.vu.variant == "slower" and lt.env.SLOW or lt.env.MS)

return {
  scenarios = {
    wait = {
      load = { vus = 8, duration = "10s" },
      run = function()
        lt.http.get(path, { name = "/delay/{ms}" })
      end,
    },
  },
  thresholds = {},
}
