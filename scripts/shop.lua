-- shop.lua: a customer logs in, looks around, fills a cart and pays.
--   loadtool run scripts/shop.lua --demo
local lt   = require "loadtool"
local shop = require "lib.shop"
local http, expect, step = lt.http, lt.expect, lt.step
local users = lt.data.csv "data/users.csv"

local function buy()
  local user  = users:next()
  local token = step("login", shop.login, user)

  local id = step("browse", function()
    local list = expect(http.get("/products", { query = { page = 1 } }), { status = 200 })
    local id = lt.random.pick(list:json_all "$.items[*].id")
    expect(http.get("/products/{id}", { path = { id = id } }), { json = { ["$.id"] = id } })
    return id
  end)

  lt.think(0.05, 0.2)                      -- a person's pause, seconds: in no latency

  step("add to cart", function()
    local what = { path = { id = id }, auth = { bearer = token }, json = { quantity = 1 } }
    local r = http.post("/cart/{id}/items", what)
    expect(r, { status = 201, max_ms = 500, ["has a cart id"] = r:json "$.cart_id" ~= nil })
  end)

  step("checkout", function()              -- the cookie of the login goes along by itself
    local order = expect(http.post "/checkout", { status = 201 }):extract { total = "$.total" }
    lt.check(order, { ["costs something"] = order.total > 0 })
  end)
end

return {
  base_url   = "http://127.0.0.1:8080",    -- loadtool demo --listen 127.0.0.1:8080
  scenarios  = { buyers = { run = buy, load = { vus = 10, duration = "10s" } } },
  thresholds = {
    ["http_call_duration{step=login}"] = "p95 < 200ms", checks = "rate > 99%",
  },
}
