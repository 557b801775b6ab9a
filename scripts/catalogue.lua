-- catalogue.lua: a price robot walks through the whole catalogue, page by page.
--   loadtool run scripts/catalogue.lua --demo
local lt  = require "loadtool"
local api = require "lib.api"

local shop = api.guest()

local function compare()
  local seen, sum = 0, 0
  for product in shop:each "/products" do
    seen, sum = seen + 1, sum + product.price
  end
  lt.check(seen, { ["sees all products"] = seen == 200, ["prices are prices"] = sum > 0 })
end

return {
  base_url  = "http://127.0.0.1:8080",
  scenarios = { robots = { run = compare, pace = "500ms", load = { vus = 5, duration = "10s" } } },
}
