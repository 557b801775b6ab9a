-- One jar per user, used on every request; set and read by hand.
local lt = require "loadtool"
local http, cookies = lt.http, lt.http.cookies

return function()
  local out = {}
  local function p(...) out[#out + 1] = table.concat({ ... }, " ") end
  p("before", http.get("/echo"):json "$.headers.cookie" or "none")
  http.get "/cookies/set/sid/s1"
  p("after", http.get("/echo"):json "$.headers.cookie")
  cookies:set("/", "mine", "m1", { path = "/echo" })
  p("own", http.get("/echo"):json "$.headers.cookie")
  p("elsewhere", cookies:get("/", "mine") or "none", cookies:get("/echo", "mine"), cookies:all("/").sid)
  cookies:clear()
  p("cleared", http.get("/echo"):json "$.headers.cookie" or "none")
  lt.abort(table.concat(out, "\n"))
end
