-- form.lua: an HTML form with a hidden token, and the redirect after it.
--   loadtool run scripts/form.lua --demo
local lt   = require "loadtool"
local http = lt.http

local function write_to_us()
  local page = http.get "/form"            -- its cookie and its token belong together
  local csrf = assert(page:regex [[name="csrf" value="([0-9a-f]+)"]])

  local r = http.post("/form", { form = { csrf = csrf, name = "Ann", message = "Hello!" } })
  lt.expect(r, { status = 200, body_contains = "Thank you, Ann." })
  lt.check(r, { ["came by one redirect"] = r.hops == 1 })
end

return {
  base_url  = "http://127.0.0.1:8080",
  scenarios = { writers = { run = write_to_us, session = "fresh", load = { vus = 5, duration = "5s" } } },
}
