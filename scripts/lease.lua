-- lease.lua: few accounts, many users; nobody shares one at the same time.
--   loadtool run scripts/lease.lua --demo
local lt   = require "loadtool"
local shop = require "lib.shop"
local http = lt.http

-- A row is its user's alone until the iteration ends; who finds none free waits its turn, and the
-- wait is part of the iteration.
local accounts = lt.data.csv("data/users.csv", { pick = "lease" })

local function visit()
  local account = accounts:next()
  local token = shop.login(account)
  lt.step("show cart", function()
    lt.expect(http.get("/cart", { auth = { bearer = token } }), { status = 200 })
  end)
  lt.think(0.1)
end

return {
  base_url  = "http://127.0.0.1:8080",
  scenarios = { members = { run = visit, load = { vus = 250, duration = "5s" } } },
}
