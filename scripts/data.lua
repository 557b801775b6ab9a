-- data.lua: every row of a file once, whichever user takes it; the load ends with the data.
--   loadtool run scripts/data.lua --demo
local lt   = require "loadtool"
local shop = require "lib.shop"

-- Read once per process, shared by all users. Other ways to pick: sequential, random, shuffle, per_vu.
local users = lt.data.csv("data/users.csv", { pick = "unique" })

local function log_in_once()
  shop.login(users:next())
end

return {
  base_url  = "http://127.0.0.1:8080",
  scenarios = { accounts = { run = log_in_once, load = { vus = 5, duration = "30s" } } },
}
