-- lib/api.lua: a client of the shop's API, the model of a library that a team shares: it logs in,
-- sends the token along, walks through pages, and holds every answer to the same rules.
--   local api = require "lib.api"
--   local me  = api.login { email = "user1@shop.test", password = "secret-1" }
--   for product in me:each("/products", { q = "lamp" }) do … end
local lt   = require "loadtool"
local http = lt.http

local PAGE_SIZE = 50

local Client = {}
Client.__index = Client

local api = {}

-- A client for anyone.
function api.guest()
  return setmetatable({}, Client)
end

-- A client for a customer, logged in.
function api.login(user)
  local client = api.guest()
  local r = lt.step("login", client.post, client, "/login", { email = user.email, password = user.password })
  client.token = r:extract { token = "$.token" }.token
  return client
end

-- Every answer is an expected one and JSON; `wanted` are more conditions of lt.expect.
local function sound(r, wanted)
  local conditions = { status = "2xx", header = { ["content-type"] = lt.matches "^application/json" } }
  for condition, want in pairs(wanted or {}) do conditions[condition] = want end
  return lt.expect(r, conditions)
end

-- Any request, with the token if there is one.
function Client:send(method, path, options, wanted)
  options = options or {}
  options.auth = options.auth or self.token and { bearer = self.token } or nil
  return sound(http.request(method, path, options), wanted)
end

function Client:get(path, query, wanted)
  return self:send("GET", path, { query = query }, wanted)
end

function Client:post(path, body, wanted)
  return self:send("POST", path, { json = body }, wanted)
end

-- The items of a list, one by one; the next page is fetched when it is needed.
function Client:each(path, query)
  return coroutine.wrap(function()
    local page, pages = 1, 1
    while page <= pages do
      local asked = { page = page, size = PAGE_SIZE }
      for name, value in pairs(query or {}) do asked[name] = value end
      local r = self:get(path, asked, { json = { ["$.page"] = page } })
      pages = r:json "$.pages"
      for _, item in ipairs(r:json_all "$.items[*]") do coroutine.yield(item) end
      page = page + 1
    end
  end)
end

return api
