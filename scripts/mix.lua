-- mix.lua: two kinds of users side by side; those of the first draw what they do by weight.
--   loadtool run scripts/mix.lua --demo
local lt   = require "loadtool"
local shop = require "lib.shop"

local function search()
  shop.search(lt.random.pick { "lamp", "oak", "tent" })
end

local function look()
  shop.look_at(lt.random.int(1, 200))
end

local function watch()
  lt.check(lt.http.get "/health", { status = 200, max_ms = 200 })
end

return {
  base_url  = "http://127.0.0.1:8080",
  scenarios = {
    visitors = {
      mix  = { { weight = 7, name = "search", run = search }, { weight = 3, name = "look", run = look } },
      pace = "200ms",                      -- each user starts an iteration every 200 ms
      load = { vus = 20, duration = "10s" },
    },
    monitor = {
      run  = watch,
      start_after = "1s",
      pace = "1s",
      load = { vus = 1, duration = "9s" },
      tags = { team = "operations" },
    },
  },
}
