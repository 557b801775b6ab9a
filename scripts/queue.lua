-- queue.lua: some users order, others handle the orders; a queue that all share lies in between.
--   loadtool run scripts/queue.lua --demo
local lt   = require "loadtool"
local shop = require "lib.shop"
local http, expect = lt.http, lt.expect

local users  = lt.data.csv "data/users.csv"
local placed = lt.shared.queue("placed orders", { max = 100 })   -- the same one for every user
local pace   = lt.shared.limiter("orders", "50/s")
local age    = lt.metrics.histogram("order_age", { unit = "s" })

local function order()
  pace:wait()                              -- all buyers together: at most 50 orders a second
  local auth = { bearer = shop.login(users:next()) }
  expect(http.post("/cart/{id}/items", { path = { id = 1 }, auth = auth, json = { quantity = 1 } }), { status = 201 })
  local r = expect(http.post("/checkout", { auth = auth }), { status = 201 })
  placed:push { id = r:json "$.order_id", auth = auth, at = lt.time.now() }   -- waits while there are 100
end

local function handle()
  local new = placed:pop()                 -- waits for one; nil once the run comes to its end
  if not new then return end
  age:add(lt.time.now() - new.at)
  local r = http.get("/orders/{id}", { path = { id = new.id }, auth = new.auth })
  expect(r, { status = 200, json = { ["$.order_id"] = new.id } })
end

return {
  base_url  = "http://127.0.0.1:8080",
  scenarios = {
    buyers = { run = order, session = "fresh", load = { vus = 10, duration = "5s" } },
    clerks = { run = handle, load = { vus = 3, duration = "6s" } },
  },
  thresholds = { order_age = { { "p95 < 2s", optional = true } }, checks = "rate > 99%" },
}
