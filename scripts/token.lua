-- token.lua: log in once per user, then work with the token; a local outlives the iteration.
--   loadtool run scripts/token.lua --demo
local lt   = require "loadtool"
local shop = require "lib.shop"
local http = lt.http

local users = lt.data.csv("data/users.csv", { pick = "per_vu" })   -- user n keeps row n
local token                                -- this user's own: nobody else sees it

local function log_in()
  token = shop.login(users:next())
end

local function show_cart()
  local r = http.get("/cart", { auth = { bearer = token } })
  lt.expect(r, { status = 200, json = { ["$.items"] = lt.any } })
  lt.think(0.1)
end

return {
  base_url  = "http://127.0.0.1:8080",
  scenarios = { members = { on_start = log_in, run = show_cart, load = { vus = 20, duration = "5s" } } },
}
