-- Conditions that hold and conditions that do not, each counted; expect tells all that failed.
local lt = require "loadtool"
local http, check, expect = lt.http, lt.check, lt.expect

return function()
  local out = {}
  local r = http.get "/document"
  out[#out + 1] = tostring(check(r, {
    status = 200, proto = "1.1", size = { 10, 1000 }, max_ms = 60000,
    header = { ["content-type"] = lt.matches "json$", ["X-Several"] = "two", date = true },
    body_contains = '"token"', body_matches = '"count":\\d',
    json = {
      ["$.token"] = "abc", ["$.count"] = function(n) return n == 3 end, ["$.items"] = lt.any,
      ["$.none"] = lt.json.null, ["$.items[0]"] = { id = 1, tags = { "x" } },
    },
    schema = "document.schema.json",
    ["has two items"] = function(r) return #r:json_all "$.items[*]" == 2 end,
    ["is true"] = true,
  }))
  out[#out + 1] = tostring(check(http.get "/cookies/set/sid/s1", { cookie = { sid = "s1", other = true } }))

  local ok, e = pcall(expect, http.get "/status/503", {
    status = { "2xx", 304 }, proto = "2", size = { max = 3 }, max_ms = 0,
    header = { ["x-none"] = true }, cookie = { sid = true, other = "o1" },
    body_contains = "absent", body_matches = "^absent",
    json = {
      ["$.error"] = "none", ["$.nothing"] = lt.any, ["$.error.x"] = function(v) return v == "x" end,
      ["$['access_token']"] = 1, ["$.password"] = "not shown",
    },
    Zebra = false, apple = function() return nil, "for a reason" end,
  })
  out[#out + 1] = ("%s %s\n  %s"):format(ok, e.category, e.message:gsub("; ", "\n  "))

  local schema = {
    required = { "gone" },
    properties = { token = { type = "integer" }, items = { items = { properties = { id = { maximum = 1 } } } } },
  }
  ok, e = pcall(expect, r, { schema = schema })
  out[#out + 1] = ("%s %s: %s"):format(ok, e.category, e.message)
  ok, e = pcall(expect, http.get "/page", { schema = "document.schema.json" })
  out[#out + 1] = ("%s %s: %s"):format(ok, e.category, e.message)

  ok, e = pcall(function()
    return lt.step("look", function() return r:extract { token = "$.token", missing = "$.nothing" } end)
  end)
  out[#out + 1] = ("%s %s in %s: %s"):format(ok, e.category, e.step, e.message)
  if lt.vu.iteration == 1 then expect(r, { status = 201 }) end
  lt.abort(table.concat(out, "\n"))
end
