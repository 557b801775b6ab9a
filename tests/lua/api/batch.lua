-- Several calls of one user at once, inside a step, with failures among them.
local lt = require "loadtool"
local http = lt.http

return function()
  local out = {}
  local function note(...) out[#out + 1] = table.concat({ ... }, " ") end

  lt.step("page", function()
    local all = http.batch({
      "/echo",
      { "POST", "/echo/{id}", { path = { id = 7 }, json = { n = 1 }, tags = { kind = "order" } } },
      { method = "PUT", url = "/status/503", name = "broken" },
      { "GET", lt.env.DEAD, { name = "nowhere" } },
      { url = "/slow", timeout = "50ms", expect_status = 200 },
      { "HEAD", "/redirect/1" },
    }, { max_parallel = 2 })
    for n, r in ipairs(all) do
      note(n, r.request.method, r.request.name, r.status, r.error and r.error.category or r.ok and "ok" or "failed")
    end
    lt.check(all[2], { status = 200, json = { ["$.body"] = '{"n":1}' } })
  end)

  local one, two = lt.parallel {
    function() return lt.step("one", function() return http.get("/echo", { name = "/one" }).status end) end,
    function() return lt.step("two", function() return #http.batch { "/echo", "/echo" } end) end,
  }
  note(one, two)
  lt.abort(table.concat(out, "\n"))
end
