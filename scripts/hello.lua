-- hello.lua: the smallest script: one user, one request.
--   loadtool run scripts/hello.lua --demo
--   loadtool run scripts/hello.lua --base-url http://127.0.0.1:8080 --vus 20 --duration 30s
local lt = require "loadtool"

return function()
  local r = lt.http.get "/health"
  lt.check(r, { status = 200, json = { ["$.status"] = "ok" } })
end
