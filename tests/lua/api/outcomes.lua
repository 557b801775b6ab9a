-- What is expected, what fails, and how redirects are followed.
local lt = require "loadtool"
local http = lt.http

return function()
  local out = {}
  local function p(label, r)
    local e = r.error
    out[#out + 1] = ("%s: %d %s hops %d%s"):format(label, r.status, r.ok, r.hops,
      e and " " .. e.category or "")
  end
  p("200", http.get "/status/200")
  p("404", http.get "/status/404")
  p("503", http.get "/status/503")
  p("404 expected", http.get("/status/404", { expect_status = { "2xx", 404 } }))
  p("200 unexpected", http.get("/status/200", { expect_status = "4xx" }))
  p("redirects", http.get "/redirect/2")
  p("two redirects are too many", http.get("/redirect/2", { redirects = 2 }))
  p("none followed", http.get("/redirect/2", { redirects = 0 }))
  p("timeout", http.get("/slow", { timeout = "100ms" }))
  p("refused", http.get(lt.env.DEAD .. "/"))
  p("too large", http.get("/document", { body_limit = 10 }))
  local r = http.get("/document", { discard_body = true })
  out[#out + 1] = ("discarded: %q %s"):format(r.body, r.size > 10)
  lt.abort(table.concat(out, "\n"))
end
