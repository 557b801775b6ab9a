-- orders.lua: customers log in once, then buy again and again and look at their orders.
--   loadtool run scripts/orders.lua --demo
local lt  = require "loadtool"
local api = require "lib.api"

local users = lt.data.csv("data/users.csv", { pick = "per_vu" })
local me                                   -- this user's client

local function log_in()
  me = api.login(users:next())
end

local function buy_again()
  for product in me:each("/products", { q = "lamp" }) do
    if product.price < 60 then             -- the first that is cheap enough: no more pages are fetched
      me:post("/cart", { product_id = product.id, quantity = 1 }, { status = 201 })
      break
    end
  end
  local id = me:post("/checkout", nil, { status = 201 }):json "$.order_id"
  me:get("/orders/" .. id, nil, { json = { ["$.order_id"] = lt.any } })
  lt.think(0.1, 0.3)
end

return {
  base_url  = "http://127.0.0.1:8080",
  scenarios = { customers = { on_start = log_in, run = buy_again, load = { vus = 10, duration = "10s" } } },
}
