-- The smallest request under five thresholds that are judged each second.
local lt = require "loadtool"

local function get()
  local r = lt.http.get "/tiny"
  lt.check(r, { status = 200 })
end

return {
  scenarios  = { load = { run = get, load = { vus = 50, duration = "30s" } } },
  thresholds = {
    http_call_duration = { { "p95 < 1s", window = "10s" }, { "p99 < 1s", window = "10s" }, { "max < 9s", window = "10s" } },
    http_call_failed = { { "rate < 1%", window = "10s" } },
    checks = { { "rate > 99%", window = "10s" } },
  },
}
