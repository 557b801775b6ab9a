-- lib/shop.lua: what scripts for the shop share. Plain Lua, found by `require "lib.shop"` beside
-- the script; every user has a copy of its own, so a local here is as private as one in the script.
local lt   = require "loadtool"
local http = lt.http

local shop = {}

-- Logs a user in. The session's cookie stays in the user's jar; the token is returned.
function shop.login(user)
  local r = http.post("/login", { json = { email = user.email, password = user.password } })
  lt.expect(r, { status = 200, json = { ["$.user.email"] = user.email } })
  return assert(r:json "$.token")
end

-- A list of the ids of products whose names contain `words`.
function shop.search(words)
  local r = http.get("/products", { query = { q = words, size = 50 } })
  lt.expect(r, { status = 200 })
  return r:json_all "$.items[*].id"
end

-- Opens the page of one product.
function shop.look_at(id)
  local r = http.get("/products/{id}", { path = { id = id } })
  return lt.expect(r, { status = 200, json = { ["$.id"] = id, ["$.price"] = lt.any } })
end

return shop
