-- ramp.lua: users come, stay and go; the plateau is judged, the ramps are not.
--   loadtool run scripts/ramp.lua --demo
local lt   = require "loadtool"
local shop = require "lib.shop"

local function visit()
  shop.look_at(lt.random.pick(shop.search "kettle"))
  lt.think(0.1, 0.3)
end

return {
  base_url  = "http://127.0.0.1:8080",
  scenarios = {
    visitors = {
      run  = visit,
      load = {
        start_vus = 1,
        stages = { { "3s", 20 }, { "5s", 20, name = "plateau" }, { "2s", 0 } },
        graceful_ramp_down = "1s",
      },
    },
  },
  thresholds = {
    ["http_call_duration{stage=plateau}"] = { "p95 < 200ms", "p99 < 500ms" },
    ["http_call_failed{stage=plateau}"] = "rate < 1%",
  },
}
