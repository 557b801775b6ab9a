-- setup.lua: prepare something once before the run, hand it to all users, tidy up afterwards.
--   loadtool run scripts/setup.lua --demo
local lt   = require "loadtool"
local http = lt.http

local function setup()
  local account = { email = "ann@example.org", password = "correct horse" }
  lt.expect(http.post("/register", { json = account }), { status = { 201, 409 } })   -- new, or there
  return account                           -- any JSON-like value: read-only for everybody
end

local function log_in(account)
  lt.expect(http.post("/login", { json = account }), { status = 200 })
end

local function teardown(account)
  lt.log.info("done with " .. account.email)
end

return {
  base_url  = "http://127.0.0.1:8080",
  setup     = setup,
  teardown  = teardown,
  scenarios = { members = { run = log_in, load = { vus = 2, iterations = 20 } } },
}
