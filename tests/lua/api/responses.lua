-- Every field and every extractor of a response.
local lt = require "loadtool"
local http = lt.http

local out = {}
local function p(label, ...)
  local parts = table.pack(...)
  for i = 1, parts.n do
    local v = parts[i]
    if type(v) == "table" then v = lt.json.encode(v) end
    parts[i] = math.type(v) == "float" and ("%.1f"):format(v) or tostring(v)
  end
  out[#out + 1] = label .. ": " .. table.concat(parts, ", ")
end

return function()
  out = {}
  local r = http.get "/document"
  p("fields", r.status, r.ok, r.error, r.proto, r.hops, #r.body, r.size, r.url)
  p("numbers", type(r.ms), math.type(r.ms), type(r.timings.wait), type(r.reused))
  p("headers", r.headers["Content-Type"], r.headers.x_none, r.headers["x-several"])
  p("request", r.request.method, r.request.name, r.request.url)
  p("tostring", r)

  p("json", r:json "$.token", r:json "$.count", r:json "$.big", r:json "$.ratio")
  p("types", math.type(r:json "$.count"), math.type(r:json "$.big"), math.type(r:json "$.ratio"))
  p("tables", r:json "$.items[0]", r:json "$.items[1].tags", r:json "$.empty")
  p("null", r:json "$.none")
  p("missing", r:json "$.nothing")
  p("whole", #r:json().items, r:json().none == lt.json.null)
  p("json_all", r:json_all "$.items[*].id", r:json_all "$.nothing")
  p("header", r:header "X-Several", r:header_all "x-several")
  p("no header", r:header "x-none")
  p("extract", r:extract { token = "$.token", kind = { header = "content-type" }, n = { regex = '"count":(\\d+)' } })

  local page = http.get "/page"
  p("regex", page:regex 'value="([^"]+)"', page:regex("name=.(?<n>\\w+)", "n"), page:regex('href="([^"]+)"', 0))
  p("regex_all", page:regex_all '/p/(\\d)')
  p("no match", page:regex "absent")
  p("not JSON", page:json "$.a")

  local dead = http.get(lt.env.DEAD .. "/")
  p("no answer", dead:json "$.a")
  p("empty", http.head("/document"):json_all "$.a")

  local set = http.get "/cookies/set/sid/s1"
  p("cookie", set:cookie "sid", set.cookies)
  p("no cookie", set:cookie "other")
  lt.abort(table.concat(out, "\n"))
end
