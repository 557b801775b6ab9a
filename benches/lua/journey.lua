-- Steps, JSON both ways, cookies and a token, without pauses; .ci/package trains by it.
local lt = require "loadtool"
local http, expect, step = lt.http, lt.expect, lt.step

return function()
  local email = "user" .. lt.vu.id .. "@shop.test"
  local token = step("login", function()
    local r = http.post("/login", { json = { email = email, password = "secret-" .. lt.vu.id } })
    expect(r, { status = 200 })
    return assert(r:json "$.token")
  end)
  local id = step("list", function()
    local r = http.get("/products", { query = { page = 1 } })
    expect(r, { status = 200 })
    return assert(r:json "$.items[3].id")
  end)
  step("detail", function()
    expect(http.get("/products/{id}", { path = { id = id } }), { status = 200, json = { ["$.id"] = id } })
  end)
  step("cart", function()
    local what = { path = { id = id }, auth = { bearer = token }, json = { quantity = 1 } }
    expect(http.post("/cart/{id}/items", what), { status = 201 })
  end)
end
